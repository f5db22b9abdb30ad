// Blobs that go: content is kept while an event names it or somebody has a claim on it, and collected after that.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { batch, bytesOf, command, dropAll, event, events, put, range, retain, sha256 } from './batches.ts'
import { blobSizes, content, isThere, keep, name } from './blob-content.ts'
import { codeOf, rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened } from './scene.ts'

export const blobCollection: readonly CaseDefinition[] = caseGroup('blobs that go', (test) => {
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

    test(`${size} bytes whose claim outlived their last event go with a later retention`, async ({ store }) => {
      await keep(store, content(size), 'a')
      const staged = await store.stageBlob(content(size))
      await dropAll(store, 'a')
      equal(await isThere(store, staged.digest), true)
      staged.release()
      await retain(store, { before: 0 })
      equal(await isThere(store, staged.digest), false)
      deepEqual([(await store.stats()).blobs, (await store.verify({})).findings], [0, []])
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

  for (const size of [100, 300_000]) {
    test(`a claim on ${size} bytes ends with an append that was there already, too`, async ({ store }) => {
      const { digest } = await store.stageBlob(content(size))
      const named = batch([event('a', { blobs: [digest] })], { command: command('c') })
      await store.append(named)
      await store.stageBlob(content(size))
      equal((await store.append(named)).duplicate, true)
      equal((await dropAll(store, 'a')).blobs, 1)
      equal(await isThere(store, digest), false)
    })

    test(`a claim on ${size} bytes stays when another one on them ends`, async ({ store }) => {
      const [one, other] = [await store.stageBlob(content(size)), await store.stageBlob(content(size))]
      await name(store, one, 'a')
      await dropAll(store, 'a')
      await name(store, other, 'b')
      equal(sha256(await bytesOf(store, other.digest)), other.digest)
    })

    test(`${size} bytes that are staged again are protected for longer`, async ({ store, clock }) => {
      const bytes = content(size)
      await store.stageBlob(bytes)
      clock.advance(20 * 3_600_000)
      const { digest } = await store.stageBlob(bytes)
      clock.advance(20 * 3_600_000)
      await retain(store, { before: 0 })
      await name(store, digest)
      equal(sha256(await bytesOf(store, digest)), digest)
    })
  }

  test('content stays when other content goes that is like it', async ({ store }) => {
    const bytes = content(1_000_000)
    const like = Buffer.from(bytes).fill(0, 900_000)
    const [digest, other] = [await keep(store, bytes, 'a'), await keep(store, like, 'b')]
    equal((await dropAll(store, 'a')).blobs, 1)
    equal(await isThere(store, digest), false)
    equal(sha256(await bytesOf(store, other)), other)
    equal((await store.verify({})).ok, true)
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
        const kept = await Promise.all(blobSizes.map(([, size]) => keep(scene.store, content(size))))
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
