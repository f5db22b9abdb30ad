import { expect, it } from 'vitest'
import type { BlobControl } from '../core/control.ts'
import { limits } from '../limits.ts'
import { BlobClaims, Claim } from './blob-claims.ts'

const digest = 'ab'.repeat(32)
const chunk = 'cd'.repeat(32)
const control: BlobControl = { control: 'blob', digest, bytes: 5, chunks: [[chunk, 5]] }

function staged(claims: BlobClaims): Claim {
  const claim = new Claim()
  claims.claimChunk(claim, chunk)
  claims.claimBlob(claim, control)
  return claim
}

it('a blob and its chunks are claimed until the last claim ends', () => {
  const claims = new BlobClaims()
  const [first, second] = [staged(claims), staged(claims)]
  claims.end(first, digest)
  claims.end(first, digest)
  expect([claims.isClaimed(digest), claims.isChunkClaimed(chunk)]).toEqual([true, true])
  claims.end(second, digest)
  expect([claims.isClaimed(digest), claims.isChunkClaimed(chunk), claims.staged(digest)]).toEqual([
    false,
    false,
    undefined,
  ])
})

it('an append that takes effect ends the oldest claim, and none when there is none', () => {
  const claims = new BlobClaims()
  const claim = staged(claims)
  claims.endOldest(digest)
  claims.endOldest(digest)
  expect([claim.ended, claims.isClaimed(digest)]).toEqual([true, false])
})

it('a claim that ends while somebody collects counts until nobody does any more', async () => {
  const claims = new BlobClaims()
  const claim = staged(claims)
  const seen = (): readonly unknown[] => [claims.staged(digest), claims.isClaimed(digest), claims.isChunkClaimed(chunk)]
  await claims.hold(async () => {
    await claims.hold(async () => claims.end(claim, digest))
    expect(seen()).toEqual([undefined, true, true])
  })
  expect(seen()).toEqual([undefined, false, false])
})

it('too much content that no append names is refused, and there is room again when it was given up', () => {
  const claims = new BlobClaims()
  const claim = new Claim()
  const large = { ...control, data: 'x'.repeat(limits.queueBytesMax - 1_000) }
  claims.claimBlob(claim, large)
  const other = { ...control, digest: 'ef'.repeat(32), data: 'x'.repeat(1_000) }
  expect(() => claims.claimBlob(new Claim(), other)).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }))
  claims.end(claim, digest)
  claims.claimBlob(new Claim(), other)
  expect(claims.isClaimed(other.digest)).toBe(true)
})
