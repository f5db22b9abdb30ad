// Flips bits of a journal's segments, one at a time. What is decided at opening (headers, the newest segment) is opened
// anew for each flip; the lines of sealed segments are only read, so there the disk is spoiled and mended in place under
// a store that stays open, which makes every bit of a journal a matter of a minute.

import { HoldfastError } from '../../src/errors.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import type { RawEvent } from '../../src/stores/store.ts'
import { allEvents, checkStreams, diskOf, type Image, isSame, type Outcome, openImage, outcomeOf } from './image.ts'

export interface FlipTally {
  flips: number
  readonly outcomes: Map<Outcome, number>
  /** Paths of which some flip gave a prefix. */
  readonly prefixIn: Set<string>
}

export interface FlipRange {
  /** Every so many bits, beginning at `start`. */
  readonly every: number
  readonly start: number
}

export function newTally(): FlipTally {
  return { flips: 0, outcomes: new Map(), prefixIn: new Set() }
}

export function segmentPaths(image: Image): readonly string[] {
  return [...image.keys()].filter((path) => path.startsWith('segments/0')).sort()
}

/** With a fresh opening for each flip. */
export async function flipAndOpen(
  image: Image,
  expected: readonly RawEvent[],
  path: string,
  range: FlipRange & { readonly bytes?: number },
  tally: FlipTally,
): Promise<void> {
  const bytes = image.get(path) as Uint8Array
  for (let bit = range.start; bit < (range.bytes ?? bytes.length) * 8; bit += range.every) {
    const outcome = await spoil(image, path, flipped(bytes, bit), { expected, what: `${path} bit ${bit}` })
    tally.flips++
    tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1)
    if (outcome === 'prefix') tally.prefixIn.add(path)
  }
}

/** The lines behind the headers of the sealed segments, under one open store. */
export async function flipAndRead(
  image: Image,
  expected: readonly RawEvent[],
  range: FlipRange & { readonly readOnly: boolean },
  tally: FlipTally,
): Promise<void> {
  const disk = await diskOf(image)
  const store = await openImage(disk, range.readOnly)
  for (const path of segmentPaths(image).slice(0, -1)) {
    const bytes = image.get(path) as Uint8Array
    const file = await disk.open(path, { mode: 'write' })
    for (let bit = headerBytes(bytes) * 8 + range.start; bit < bytes.length * 8; bit += range.every) {
      const at = bit >> 3
      await file.write(flipped(bytes, bit).subarray(at, at + 1), at)
      const outcome = await readingOf(store, expected, `${path} bit ${bit}`)
      await file.write(bytes.subarray(at, at + 1), at)
      tally.flips++
      tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1)
    }
    await file.close()
  }
  if ((await readingOf(store, expected, 'mended')) !== 'same') throw new Error('the mended journal is not what it was')
  await store.close()
}

async function readingOf(store: FileStore, expected: readonly RawEvent[], what: string): Promise<Outcome> {
  const whole = await attempt(what, async () => {
    const found = await allEvents(store)
    const isRight = found.length === expected.length && found.every((event, index) => isSame(event, expected[index]))
    if (!isRight) throw new Error('wrong data')
  })
  // Stream by stream, a flip in another stream's line need not show; wrong data never may.
  await attempt(what, () => checkStreams(store, expected))
  return whole
}

async function attempt(what: string, read: () => Promise<void>): Promise<Outcome> {
  try {
    await read()
    return 'same'
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== 'ASSERTION') return `error ${error.code}`
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** What comes of one spoiled file (undefined: it is gone). */
export async function spoil(
  image: Image,
  path: string,
  content: Uint8Array | undefined,
  told: { readonly expected: readonly RawEvent[]; readonly what: string; readonly mayBeShort?: boolean },
): Promise<Outcome> {
  const spoiled = new Map(image)
  if (content === undefined) spoiled.delete(path)
  else spoiled.set(path, content)
  try {
    return await outcomeOf(await diskOf(spoiled), told.expected, told.mayBeShort)
  } catch (error) {
    throw new Error(`${told.what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

export function headerBytes(segment: Uint8Array): number {
  return segment.indexOf(0x0a) + 1
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const spoiled = bytes.slice()
  spoiled[bit >> 3] = (spoiled[bit >> 3] as number) ^ (1 << (bit & 7))
  return spoiled
}
