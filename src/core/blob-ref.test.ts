import { describe, expect, it } from 'vitest'
import { BlobRef, isBlobDigest, isBlobRef } from './blob-ref.ts'

const digest = 'ab'.repeat(32)

describe('BlobRef', () => {
  it('holds digest and length, and is frozen', () => {
    const ref = new BlobRef(digest, 7)
    expect({ ...ref }).toEqual({ digest, bytes: 7 })
    expect(Object.isFrozen(ref)).toBe(true)
  })

  it.each([
    ['', 1],
    [digest.toUpperCase(), 1],
    [`${digest}0`, 1],
    [digest, -1],
    [digest, 1.5],
    [digest, Number.NaN],
  ])('refuses %j with %d bytes', (text, bytes) => {
    expect(() => new BlobRef(text, bytes)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('is told from look-alikes', () => {
    expect(isBlobRef(new BlobRef(digest, 0))).toBe(true)
    expect(isBlobRef({ digest, bytes: 0 })).toBe(false)
    expect(isBlobDigest(digest)).toBe(true)
    expect(isBlobDigest(7)).toBe(false)
  })
})
