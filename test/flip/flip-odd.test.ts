// The odd bits, and whole lines out of their places.

import { describe, expect, it } from 'vitest'
import { segmentPaths, spoil } from './bits.ts'
import { describeFlips, without } from './describe-flips.ts'
import { makeJournal } from './image.ts'

describeFlips(1)

describe('lines that are all sound and not as they were written', { timeout: 300_000 }, () => {
  it.each([true, false])('are found or do no harm: left out, doubled, exchanged (with the mark: %s)', async (mark) => {
    const { image, events } = await makeJournal({ close: true })
    const marked = mark ? image : without(image, 'durable')
    const paths = segmentPaths(image)
    const outcomes = new Map<string, number>()
    for (const path of paths) {
      const lines = linesOf(image.get(path) as Uint8Array)
      for (const [index, line] of lines.entries()) {
        const [before, after] = [lines.slice(0, index), lines.slice(index + 1)]
        const next = after[0]
        const variants = new Map([
          ['left out', [...before, ...after]],
          ['doubled', [...before, line, line, ...after]],
          ...(next === undefined ? [] : [['exchanged', [...before, next, line, ...after.slice(1)]] as const]),
        ])
        for (const [how, changed] of variants) {
          const what = `${path} line ${index + 1} ${how}`
          // Where even the mark is gone, a file that ends behind a line can't be told from one that was never longer.
          const mayBeShort = !mark && path === paths.at(-1) && next === undefined && how === 'left out'
          const outcome = await spoil(marked, path, Buffer.concat(changed), { expected: events, what, mayBeShort })
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
          // What stands behind the end that the next segment, or the mark, knows of is not part of the journal.
          const isBehind = next === undefined && how === 'doubled'
          if (isBehind) expect(outcome, what).toBe('same')
          else if (mark) expect(outcome, what).toBe('error DAMAGED')
        }
      }
    }
    process.stdout.write(`lines: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}\n`)
    expect(outcomes.get('error DAMAGED')).toBeGreaterThan(0)
  })
})

function linesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start) + 1
    lines.push(bytes.subarray(start, end))
    start = end
  }
  return lines
}
