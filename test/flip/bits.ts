// Flips every bit of a journal's segments, one at a time. With 16 KiB that is 131,072 journals to open, so the disk is made
// once, and spoiled and mended in place.

import type { Disk } from '../../src/disks/disk.ts'
import type { RawEvent } from '../../src/stores/store.ts'
import { diskOf, type Image, type Outcome, outcomeOf } from './image.ts'

export interface FlipTally {
  flips: number
  readonly outcomes: Map<Outcome, number>
  /** Per file, the lowest offset whose flip gave a prefix. */
  readonly prefixFrom: Map<string, number>
}

/** Every `every`-th bit, beginning at `start`. */
export async function flipBits(
  image: Image,
  expected: readonly RawEvent[],
  options: { readonly start: number; readonly every: number },
): Promise<FlipTally> {
  const tally: FlipTally = { flips: 0, outcomes: new Map(), prefixFrom: new Map() }
  let number = 0
  for (const [path, bytes] of image) {
    if (!path.startsWith('segments/') || path.endsWith('/')) continue
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (number++ % options.every !== options.start) continue
      const at = bit >> 3
      const spoiled = bytes.slice()
      spoiled[at] = (spoiled[at] as number) ^ (1 << (bit & 7))
      const outcome = await spoil(image, path, spoiled, expected, `${path} bit ${bit}`)
      tally.flips++
      tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1)
      if (outcome === 'prefix') tally.prefixFrom.set(path, Math.min(at, tally.prefixFrom.get(path) ?? at))
    }
  }
  return tally
}

export async function spoil(
  image: Image,
  path: string,
  content: Uint8Array | undefined,
  expected: readonly RawEvent[],
  what: string,
): Promise<Outcome> {
  const spoiled = new Map(image)
  if (content === undefined) spoiled.delete(path)
  else spoiled.set(path, content)
  const disk: Disk = await diskOf(spoiled)
  try {
    return await outcomeOf(disk, expected)
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
