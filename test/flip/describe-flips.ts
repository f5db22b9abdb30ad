// Bit rot (G5): every bit of a small journal flipped, in a journal that was closed and in one that was killed, with the
// durable mark and without. FLIP_EVERY=n looks at each n-th bit only.

import { describe, expect, it } from 'vitest'
import { flipAndOpen, flipAndRead, headerBytes, newTally, segmentPaths } from './bits.ts'
import { type Image, makeJournal } from './image.ts'

const every = Math.max(1, Number(process.env.FLIP_EVERY ?? 1))

export function without(image: Image, path: string): Image {
  return new Map([...image].filter(([name]) => name !== path))
}

/** Half of the bits: two files share the work. */
export function describeFlips(half: 0 | 1): void {
  const range = { every: 2 * every, start: half }
  describe(`a flipped bit (half ${half})`, { timeout: 900_000 }, () => {
    it.each([
      { by: 'a writer', readOnly: false, share: 1 },
      // A reader looks twice, in a log that it opens anew: a part of the bits.
      { by: 'a reader', readOnly: true, share: 16 },
    ])('in the lines of a sealed segment is found by $by', async ({ by, readOnly, share }) => {
      const { image, events } = await makeJournal({ close: true })
      const tally = newTally()
      await flipAndRead(image, events, { ...range, every: range.every * share, readOnly }, tally)
      report(`sealed lines, read by ${by}`, tally)
      expect(tally.flips).toBeGreaterThan(0)
      expect(tally.outcomes.get('error DAMAGED')).toBe(tally.flips)
    })

    it.each([
      { name: 'closed', close: true, mark: true },
      { name: 'closed, without its mark', close: true, mark: false },
      { name: 'killed', close: false, mark: true },
      { name: 'killed, without its mark', close: false, mark: false },
    ])('in a header or the newest segment is found or does no harm ($name)', async ({ name, close, mark }) => {
      const { image, events } = await makeJournal({ close })
      const marked = mark ? image : without(image, 'durable')
      const tally = newTally()
      const paths = segmentPaths(image)
      const newest = paths.at(-1) ?? ''
      for (const path of paths) {
        const bytes = image.get(path) as Uint8Array
        // Headers of sealed segments are the same in all variants: each variant looks at a part.
        const thinned = path === newest ? range : { every: range.every * 4, start: range.start }
        await flipAndOpen(
          marked,
          events,
          path,
          path === newest ? thinned : { ...thinned, bytes: headerBytes(bytes) },
          tally,
        )
      }
      report(name, tally)
      expect([...tally.prefixIn].every((path) => path === newest)).toBe(true)
      if (close && mark) expect(tally.outcomes.get('prefix')).toBeUndefined()
      // Without its mark, only a newline that joins the last event with the last witness (8 bits) makes both doubtful.
      if (close) expect(tally.outcomes.get('prefix') ?? 0).toBeLessThanOrEqual(8)
      expect(tally.outcomes.get('error DAMAGED')).toBeGreaterThan(0)
    })
  })
}

function report(name: string, tally: ReturnType<typeof newTally>): void {
  const outcomes = [...tally.outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  process.stdout.write(`flip: ${name}: ${tally.flips} bits: ${outcomes}\n`)
}
