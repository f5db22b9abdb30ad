// Bit rot (G5): every bit of a small journal flipped, the last two segments cut at every byte, with the durable mark and
// without. FLIP_EVERY=n looks at each n-th bit only.

import { describe, expect, it } from 'vitest'
import { flipBits, spoil } from './bits.ts'
import { type Image, makeJournal } from './image.ts'

const every = Math.max(1, Number(process.env.FLIP_EVERY ?? 1))

function without(image: Image, path: string): Image {
  return new Map([...image].filter(([name]) => name !== path))
}

describe('a flipped bit', { timeout: 900_000 }, () => {
  it.each([
    { name: 'a closed journal', close: true, mark: true },
    { name: 'a closed journal without its mark', close: true, mark: false },
    { name: 'a killed journal without its mark', close: false, mark: false },
  ])('in $name is found or does no harm', async ({ name, close, mark }) => {
    const { image, events } = await makeJournal({ close })
    // The whole of it once; the two variants at fewer places.
    const stride = close && mark ? every : every * 8
    const tally = await flipBits(mark ? image : without(image, 'durable'), events, { start: 0, every: stride })
    const outcomes = [...tally.outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
    process.stdout.write(`flip: ${name}: ${tally.flips} bits: ${outcomes}\n`)
    // Only the newest segment can have a doubtful tail, and a closed one has none but its last witness.
    const newest =
      [...image.keys()]
        .filter((path) => path.startsWith('segments/0'))
        .sort()
        .at(-1) ?? ''
    expect([...tally.prefixFrom.keys()].every((path) => path === newest)).toBe(true)
    if (close) expect(tally.outcomes.get('prefix')).toBeUndefined()
    expect(tally.outcomes.get('error DAMAGED')).toBeGreaterThan(0)
  })
})

describe('a segment cut at any byte', { timeout: 900_000 }, () => {
  it.each([true, false])('is found or does no harm (with the mark: %s)', async (mark) => {
    const { image, events } = await makeJournal({ close: true })
    const marked = mark ? image : without(image, 'durable')
    const paths = [...image.keys()]
      .filter((path) => path.startsWith('segments/0'))
      .sort()
      .slice(-2)
    const outcomes = new Map<string, number>()
    for (const path of paths) {
      const whole = image.get(path) as Uint8Array
      for (let bytes = 0; bytes < whole.length; bytes++) {
        const outcome = await spoil(marked, path, whole.slice(0, bytes), events, `${path} cut to ${bytes}`)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        if (mark && path === paths[1]) expect(outcome, `cut to ${bytes}`).not.toBe('same')
        if (mark) expect(outcome, `${path} cut to ${bytes}`).not.toBe('prefix')
      }
    }
    process.stdout.write(`truncate: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}\n`)
    expect(outcomes.get('error DAMAGED')).toBeGreaterThan(0)
  })
})
