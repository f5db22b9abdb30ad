// Blobs: content known by its SHA-256, stored once, there before the event that names it, gone when no event does.

import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { limits } from '../../limits.ts'
import type { Receipt, StagedBlob, Store } from '../../stores/store.ts'
import { batch, bytesOf, command, dropAll, event, events, gather, put, range, retain, sha256 } from './batches.ts'
import { codeOf, rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened } from './scene.ts'

/** Bytes that don't repeat, the same every time. */
function content(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await Promise.resolve()
    yield bytes.subarray(at, at + pieceBytes)
  }
}

function name(store: Store, blob: StagedBlob | string, stream = 'a'): Promise<Receipt> {
  const digest = typeof blob === 'string' ? blob : blob.digest
  return store.append(batch([event(stream, { blobs: [digest] })]))
}

async function keep(store: Store, bytes: Uint8Array, stream = 'a'): Promise<string> {
  const staged = await store.stageBlob(bytes)
  await name(store, staged, stream)
  return staged.digest
}

async function isThere(store: Store, digest: string): Promise<boolean> {
  return (await store.blob(digest)) !== undefined
}

const sizes: readonly (readonly [what: string, bytes: number])[] = [
  ['no byte', 0],
  ['one byte', 1],
  ['as much as fits the log', limits.blobInlineBytesMax],
  ['one byte more than fits the log', limits.blobInlineBytesMax + 1],
  ['one chunk', limits.chunkBytesMin],
  ['more than the largest chunk', limits.chunkBytesMax + 1],
  ['many chunks', 1_500_000],
]

const storing: readonly CaseDefinition[] = caseGroup('blobs', (test) => {
  for (const [what, size] of sizes) {
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

const collecting: readonly CaseDefinition[] = caseGroup('blobs that go', (test) => {
  for (const size of [100, 300_000]) {
    test(`${size} bytes go with the last event that names them`, async ({ store }) => {
      const digest = await keep(store, content(size))
      const report = await dropAll(store, 'a')
      equal(report.blobs, 1)
      equal(await isThere(store, digest), false)
      await rejectsWith('BLOB_MISSING', bytesOf(store, digest))
      await rejectsWith('BLOB_MISSING', name(store, digest))
      deepEqual([(await store.stats()).blobs, (await store.stats()).blobBytes], [0, 0])
    })

    test(`${size} bytes stay while another event names them`, async ({ store }) => {
      const digest = await keep(store, content(size), 'a')
      await name(store, digest, 'b')
      equal((await dropAll(store, 'a')).blobs, 0)
      equal(sha256(await bytesOf(store, digest)), digest)
      equal((await dropAll(store, 'b')).blobs, 1)
      equal(await isThere(store, digest), false)
    })

    test(`${size} bytes claimed between staging and naming survive a retention`, async ({ store }) => {
      await keep(store, content(size), 'a')
      const staged = await store.stageBlob(content(size))
      await dropAll(store, 'a')
      await name(store, staged, 'b')
      equal(sha256(await bytesOf(store, staged.digest)), staged.digest)
      await dropAll(store, 'b')
      equal(await isThere(store, staged.digest), false)
    })

    test(`${size} bytes that are new and claimed survive a retention`, async ({ store }) => {
      await put(store, 'a')
      const staged = await store.stageBlob(content(size))
      await dropAll(store, 'a')
      await name(store, staged)
      equal(sha256(await bytesOf(store, staged.digest)), staged.digest)
    })

    test(`${size} bytes that nobody named and whose claim was given up are not kept`, async ({ store }) => {
      const staged = await store.stageBlob(content(size))
      staged.release()
      await retain(store, { before: 0 })
      equal(await isThere(store, staged.digest), false)
      await rejectsWith('BLOB_MISSING', name(store, staged))
      equal((await store.stats()).blobs, 0)
    })

    test(`${size} bytes can be staged anew after they went`, async ({ store }) => {
      await keep(store, content(size))
      await dropAll(store, 'a')
      const digest = await keep(store, content(size))
      equal(sha256(await bytesOf(store, digest)), digest)
    })
  }

  test('giving up a claim twice does not give up that of another', async ({ store }) => {
    const mine = await store.stageBlob(content(100))
    const yours = await store.stageBlob(content(100))
    mine.release()
    mine.release()
    await retain(store, { before: 0 })
    await name(store, yours)
    equal(sha256(await bytesOf(store, yours.digest)), yours.digest)
  })

  test('giving up a claim on what an event names removes nothing', async ({ store }) => {
    const digest = await keep(store, content(100))
    const again = await store.stageBlob(content(100))
    again.release()
    await retain(store, { before: 0 })
    equal(sha256(await bytesOf(store, digest)), digest)
  })

  test('a claim ends when the append that names it takes effect', async ({ store }) => {
    const staged = await store.stageBlob(content(100))
    await name(store, staged)
    await dropAll(store, 'a')
    equal(await isThere(store, staged.digest), false)
    staged.release()
  })

  test('a dry run collects nothing', async ({ store }) => {
    const digest = await keep(store, content(100))
    const report = await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: true })
    equal(report.blobs, 1)
    equal(await isThere(store, digest), true)
  })

  test('what a pinned event names stays', async ({ store }) => {
    const digest = await keep(store, content(100))
    await store.append(batch([], { pins: [{ pin: 'p', stream: 'a', from: 1 }] }))
    equal((await dropAll(store, 'a')).blobs, 0)
    equal(await isThere(store, digest), true)
  })

  test('a refused append can be tried again after staging again', async ({ store }) => {
    const bytes = content(100)
    const staged = await store.stageBlob(bytes)
    const wrong = batch([event('a', { blobs: [staged.digest] })], { expect: new Map([['a', 9]]) })
    await rejectsWith('SEQ_CONFLICT', store.append(wrong))
    equal(await keep(store, bytes), staged.digest)
  })

  test('appends and a retention in flight never part an event from its blob', async ({ store }) => {
    const bytes = content(5_000)
    await keep(store, bytes, 'old')
    const appended = range(1, 10).map((n) => keep(store, bytes, `new${n}`).catch(codeOf))
    const retention = dropAll(store, 'old')
    const outcomes = await Promise.all(appended)
    await retention
    ok(outcomes.every((outcome) => outcome === sha256(bytes)))
    for (const stored of await events(store)) {
      for (const digest of stored.blobs) equal(sha256(await bytesOf(store, digest)), digest)
    }
    equal((await store.verify({})).ok, true)
  })

  test('a command that named a blob can be repeated after the blob went', async ({ store }) => {
    const { digest } = await store.stageBlob(content(100))
    const named = batch([event('a', { blobs: [digest] })], { command: command('c') })
    await store.append(named)
    await dropAll(store, 'a')
    equal((await store.append(named)).duplicate, true)
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `named blobs of every size are there after ${how}, and no others`,
      async (scene) => {
        const kept = await Promise.all(sizes.map(([, size]) => keep(scene.store, content(size))))
        const gone = await keep(scene.store, content(5_000, 9), 'gone')
        const unnamed = await scene.store.stageBlob(content(6_000, 8))
        await dropAll(scene.store, 'gone')
        const store = await again(scene)
        for (const digest of kept) equal(sha256(await bytesOf(store, digest)), digest)
        equal(await isThere(store, gone), false)
        equal(await isThere(store, unnamed.digest), false)
        await rejectsWith('BLOB_MISSING', name(store, unnamed.digest))
        await name(store, kept[0] ?? '', 'again')
      },
      { requires },
    )
  }
})

export const blobs: readonly CaseDefinition[] = [...storing, ...collecting]
