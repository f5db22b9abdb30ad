import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { prng } from '../testing/prng.ts'
import { sha256 } from './chunk-files.ts'
import { Chunker, type ChunkSizes } from './chunker.ts'

const small: ChunkSizes = { min: 32, average: 128, max: 512 }

function chunksOf(pieces: Iterable<Uint8Array>, sizes?: ChunkSizes): Buffer[] {
  const chunker = new Chunker(sizes)
  const chunks: Buffer[] = []
  for (const piece of pieces) chunks.push(...chunker.push(piece))
  const rest = chunker.end()
  return rest === undefined ? chunks : [...chunks, rest]
}

function randomBytes(seed: number, length: number): Buffer {
  const chance = prng(seed)
  return Buffer.from(Uint8Array.from({ length }, () => chance.below(256)))
}

/** The content in pieces of these lengths, the last one as long as it takes. */
function sliced(content: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const length of lengths) {
    pieces.push(content.subarray(at, at + length))
    at += length
  }
  return [...pieces, content.subarray(at)]
}

describe('Chunker', () => {
  it('gives back the content, in chunks within the limits, however it was sliced', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 4_000 }),
      fc.tuple(fc.nat(), fc.nat(8_000)).map(([seed, length]) => randomBytes(seed, length)),
      fc.tuple(fc.nat(255), fc.nat(4_000)).map(([byte, length]) => Buffer.alloc(length, byte)),
    )
    fc.assert(
      fc.property(content, fc.array(fc.nat(600)), (bytes, lengths) => {
        const chunks = chunksOf(sliced(bytes, lengths), small)
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
        for (const [index, chunk] of chunks.entries()) {
          expect(chunk.length).toBeLessThanOrEqual(small.max)
          if (index < chunks.length - 1) expect(chunk.length).toBeGreaterThan(small.min)
        }
        expect(chunks.map((chunk) => chunk.length)).toEqual(chunksOf([bytes], small).map((chunk) => chunk.length))
      }),
    )
  })

  it('gives no chunk for no content', () => {
    expect(chunksOf([])).toEqual([])
    expect(chunksOf([new Uint8Array(0)])).toEqual([])
  })

  it('gives chunks that are not changed by what the caller does with its buffer', () => {
    const content = randomBytes(1, 2_000)
    const chunks: Buffer[] = []
    const chunker = new Chunker(small)
    for (const piece of sliced(content, [700, 700])) {
      const own = Buffer.from(piece)
      chunks.push(...chunker.push(own))
      own.fill(0)
    }
    expect(Buffer.concat([...chunks, chunker.end() ?? Buffer.alloc(0)]).equals(content)).toBe(true)
  })

  it('cuts random content near the average size', () => {
    const chunks = chunksOf([randomBytes(2, 8_388_608)])
    const average = 8_388_608 / chunks.length
    expect(average).toBeGreaterThan(limits.chunkBytesAverage / 2)
    expect(average).toBeLessThan(limits.chunkBytesAverage * 2)
  })

  it('shares nearly all chunks with content that was changed, extended or cut in one place', () => {
    const content = randomBytes(3, 4_194_304)
    const before = new Set(chunksOf([content]).map(sha256))
    const at = 2_000_000
    const edits = {
      inserted: Buffer.concat([content.subarray(0, at), Buffer.from('inserted'), content.subarray(at)]),
      removed: Buffer.concat([content.subarray(0, at), content.subarray(at + 100)]),
      appended: Buffer.concat([content, Buffer.from('appended')]),
      prepended: Buffer.concat([Buffer.from('prepended'), content]),
    }
    for (const edited of Object.values(edits)) {
      const fresh = chunksOf([edited]).filter((chunk) => !before.has(sha256(chunk)))
      expect(fresh.length).toBeGreaterThan(0)
      expect(fresh.length).toBeLessThanOrEqual(3)
    }
  })
})
