// Blobs: content known by its SHA-256, stored once, there before the event that names it.

import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import type { Store } from '../../stores/store.ts'
import { batch, bytesOf, event, events, gather, put, range, sha256 } from './batches.ts'
import { blobSizes, content, inPieces, keep, name } from './blob-content.ts'
import { rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup } from './scene.ts'

export const blobs: readonly CaseDefinition[] = caseGroup('blobs', (test) => {
  for (const [what, size] of blobSizes) {
    test(`content of ${what} comes back`, async ({ store }) => {
      const bytes = content(size)
      const staged = await store.stageBlob(bytes)
      deepEqual([staged.digest, staged.bytes], [sha256(bytes), size])
      await name(store, staged)
      deepEqual(await store.blob(staged.digest), { digest: staged.digest, bytes: size })
      equal(sha256(await bytesOf(store, staged.digest)), staged.digest)
    })

    test(`content of ${what} from a stream of pieces is the same blob`, async ({ store }) => {
      const bytes = content(size)
      const staged = await store.stageBlob(inPieces(bytes, 1_000 + (size >> 3)))
      deepEqual([staged.digest, staged.bytes], [sha256(bytes), size])
      await name(store, staged)
      equal(Buffer.compare(await bytesOf(store, staged.digest), bytes), 0)
    })
  }

  test('large content is read in chunks of bounded size', async ({ store }) => {
    const digest = await keep(store, content(2_000_000))
    let chunks = 0
    for await (const chunk of store.readBlob(digest)) {
      ok(chunk.length > 0 && chunk.length <= 1_048_576)
      chunks++
    }
    ok(chunks > 1)
  })

  test('a reader of a blob may stop early', async ({ store }) => {
    const digest = await keep(store, content(1_000_000))
    for await (const chunk of store.readBlob(digest)) {
      ok(chunk.length > 0)
      break
    }
    equal((await bytesOf(store, digest)).length, 1_000_000)
  })

  test('what was read may be changed without harm', async ({ store }) => {
    const digest = await keep(store, content(500))
    for await (const chunk of store.readBlob(digest)) chunk.fill(0)
    equal(sha256(await bytesOf(store, digest)), digest)
  })

  test('what was staged may be changed by its owner afterwards', async ({ store }) => {
    const bytes = content(500)
    const staged = await store.stageBlob(bytes)
    bytes.fill(0)
    await name(store, staged)
    equal(sha256(await bytesOf(store, staged.digest)), staged.digest)
  })

  test('an event says which blobs it names, in its order', async ({ store }) => {
    const digests = [(await store.stageBlob(content(10, 1))).digest, (await store.stageBlob(content(10, 2))).digest]
    await store.append(batch([event('a', { blobs: digests }), event('a'), event('a', { blobs: digests.slice(1) })]))
    deepEqual(
      (await events(store)).map(({ blobs }) => blobs),
      [digests, [], digests.slice(1)],
    )
  })

  test('an event that names what is not there is refused', async ({ store }) => {
    await rejectsWith('BLOB_MISSING', name(store, sha256('nothing')))
    equal(store.head().appended, 0)
  })

  test('reading what is not there is refused', async ({ store }) => {
    await rejectsWith('BLOB_MISSING', gather(wrapped(store, sha256('nothing'))))
    equal(await store.blob(sha256('nothing')), undefined)
  })

  test(
    'the same content is stored once',
    async ({ store }) => {
      const bytes = content(100_000)
      const first = await keep(store, bytes)
      const before = await store.stats()
      const second = await keep(store, bytes)
      const other = await keep(store, content(100_000, 2))
      equal(second, first)
      notEqual(other, first)
      const { blobs, blobBytes } = await store.stats()
      equal(before.blobs, 1)
      equal(blobs, 2)
      ok(blobBytes > before.blobBytes)
    },
    { row: 'C3.13' },
  )

  test('content named twice in one batch is stored once', async ({ store }) => {
    const { digest } = await store.stageBlob(content(100))
    await store.append(batch([event('a', { blobs: [digest] }), event('b', { blobs: [digest] })]))
    equal((await store.stats()).blobs, 1)
  })

  test('content can be named again without staging it again', async ({ store }) => {
    const digest = await keep(store, content(100))
    await name(store, digest, 'b')
    equal((await bytesOf(store, digest)).length, 100)
  })

  test('many blobs in flight at once', async ({ store }) => {
    const digests = await Promise.all(range(1, 20).map((n) => keep(store, content(n * 700, n))))
    for (const [index, digest] of digests.entries()) {
      equal((await bytesOf(store, digest)).length, (index + 1) * 700)
      equal(sha256(await bytesOf(store, digest)), digest)
    }
  })

  test('a source that fails leaves nothing, and its error is passed on', async ({ store }) => {
    async function* failing(): AsyncGenerator<Uint8Array, void, undefined> {
      yield content(300_000)
      throw new Error('the source is gone')
    }
    await rejects(store.stageBlob(failing()), /the source is gone/)
    equal(await store.blob(sha256(content(300_000))), undefined)
    await put(store, 'a')
    equal((await store.stats()).blobs, 0)
  })

  test('verification counts the blobs', async ({ store }) => {
    await keep(store, content(100))
    await keep(store, content(300_000))
    const report = await store.verify({})
    deepEqual([report.ok, report.blobs], [true, 2])
  })
})

/** As pages, so that gathering reads it to the end. */
async function* wrapped(store: Store, digest: string): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  for await (const chunk of store.readBlob(digest)) yield [chunk]
}
