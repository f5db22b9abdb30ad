// The even bits, and the segments cut at every byte.

import { describe, expect, it } from 'vitest'
import { segmentPaths, spoil } from './bits.ts'
import { describeFlips, without } from './describe-flips.ts'
import { makeJournal } from './image.ts'

describeFlips(0)

describe('a segment cut at any byte', { timeout: 900_000 }, () => {
  it.each([true, false])('is found or does no harm (with the mark: %s)', async (mark) => {
    const { image, events } = await makeJournal({ close: true })
    const marked = mark ? image : without(image, 'durable')
    const [sealed = '', newest = ''] = segmentPaths(image).slice(-2)
    const outcomes = new Map<string, number>()
    for (const path of [sealed, newest]) {
      const whole = image.get(path) as Uint8Array
      for (let bytes = 0; bytes < whole.length; bytes++) {
        // Where even the mark is gone, a file that ends behind a line can't be told from one that was never longer.
        const mayBeShort = !mark && path === newest && whole[bytes - 1] === 0x0a
        const what = `${path} cut to ${bytes}`
        const outcome = await spoil(marked, path, whole.slice(0, bytes), { expected: events, what, mayBeShort })
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        if (mark || path === sealed) expect(outcome, what).toBe('error DAMAGED')
      }
    }
    process.stdout.write(`truncate: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}\n`)
  })
})
