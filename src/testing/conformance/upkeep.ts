// Looking after a store: verification, figures, the probe, backups.

import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { batch, change, command, dropAll, event, events, put, putMany, range, retain } from './batches.ts'
import { rejectsWith } from './check.ts'
import { backups, type CaseDefinition, caseGroup, noBackups, persistent, reopened } from './scene.ts'

export const upkeep: readonly CaseDefinition[] = caseGroup('upkeep', (test) => {
  test('the manifest is what the target says', async ({ store, handle }) => {
    equal(store, handle.store)
    equal(typeof store.manifest.name, 'string')
    equal(store.readOnly, undefined)
  })

  test('two journals have two identities, which appends do not change', async ({ store, another }) => {
    const mine = store.identity()
    const other = (await another()).identity()
    notEqual(mine.journalId, other.journalId)
    notEqual(mine.epoch, other.epoch)
    ok(mine.journalId.length >= 16 && mine.epoch.length >= 16)
    await put(store, 'a')
    deepEqual(store.identity(), mine)
  })

  test(
    'the identity is kept over a reopening',
    async (scene) => {
      const before = scene.store.identity()
      await put(scene.store, 'a')
      await dropAll(scene.store, 'a')
      deepEqual((await reopened(scene)).identity(), before)
    },
    { requires: persistent },
  )

  test('an empty journal verifies', async ({ store }) => {
    const report = await store.verify({})
    deepEqual([report.ok, report.events, report.blobs], [true, 0, 0])
    ok(report.findings.every(({ severity }) => severity !== 'damage'))
  })

  test(
    'a journal with something of everything verifies, also after retention',
    async ({ store, clock }) => {
      const { digest } = await store.stageBlob(Buffer.from('content'))
      await store.append(
        batch([event('a', { blobs: [digest] }), event('b'), event('a')], {
          command: command('c'),
          agenda: [{ id: 'x', due: 1, data: '{}' }],
          leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 5 }],
          pins: [{ pin: 'p', stream: 'b', from: 1 }],
          releases: [{ stream: 'a', through: 1 }],
        }),
      )
      equal((await store.verify({})).ok, true)
      clock.advance(10)
      await retain(store, { released: true, commandsBefore: clock.now() })
      const report = await store.verify({})
      deepEqual([report.ok, report.events], [true, 2])
    },
    { row: 'C3.10' },
  )

  test('verification tells its progress to the end', async ({ store }) => {
    await putMany(store, 'a', 50)
    let last = { bytesDone: -1, bytesTotal: 0 }
    await store.verify({
      progress: (progress) => {
        ok(progress.bytesDone >= last.bytesDone && progress.bytesDone <= progress.bytesTotal)
        last = progress
      },
    })
    equal(last.bytesDone, last.bytesTotal)
  })

  test('verification can be aborted', async ({ store }) => {
    await putMany(store, 'a', 50)
    await rejectsWith('ABORTED', store.verify({ signal: AbortSignal.abort() }))
    await put(store, 'a')
  })

  test('an empty journal has empty figures', async ({ store }) => {
    const { events: count, streams, blobs, blobBytes, commands, agenda, leases, pins } = await store.stats()
    deepEqual([count, streams, blobs, blobBytes, commands, agenda, leases, pins], [0, 0, 0, 0, 0, 0, 0, 0])
  })

  test(
    'figures count what there is',
    async ({ store }) => {
      const { digest, bytes } = await store.stageBlob(Buffer.alloc(1_000, 7))
      await store.append(
        batch([event('a', { blobs: [digest] }), event('b'), event('a')], {
          command: command('c'),
          agenda: [
            { id: 'x', due: 1 },
            { id: 'y', due: 2 },
          ],
          leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 5 }],
          pins: [{ pin: 'p', from: 1 }],
        }),
      )
      const stats = await store.stats()
      deepEqual([stats.events, stats.streams, stats.commands], [3, 2, 1])
      deepEqual([stats.agenda, stats.leases, stats.pins], [2, 1, 1])
      deepEqual([stats.blobs, stats.blobBytes], [1, bytes])
      ok(stats.bytes > 0)
    },
    { row: 'C3.13' },
  )

  test('figures are the same however often they are asked for', async ({ store }) => {
    await putMany(store, 'a', 5)
    deepEqual(await store.stats(), await store.stats())
  })

  test('bytes grow with what is stored', async ({ store }) => {
    await putMany(store, 'a', 10)
    const before = (await store.stats()).bytes
    await store.append(batch([event('a', { data: `"${'x'.repeat(100_000)}"` })]))
    ok((await store.stats()).bytes >= before + 100_000)
  })

  test(
    'a probe leaves no trace',
    async ({ store }) => {
      await put(store, 'a')
      const before = await store.stats()
      await store.probe()
      await store.probe()
      const after = await store.stats()
      deepEqual({ ...after, bytes: 0, segments: 0 }, { ...before, bytes: 0, segments: 0 })
      equal(store.head().appended, 1)
      equal((await put(store, 'a')).position, 2)
    },
    { row: 'C3.13' },
  )

  test('reopening a store that is well changes nothing', async ({ store }) => {
    await putMany(store, 'a', 5)
    const before = await events(store)
    await store.reopen()
    deepEqual(await events(store), before)
    equal((await put(store, 'a')).seq, 6)
  })

  test('refreshing where this is the writer changes nothing', async ({ store }) => {
    await putMany(store, 'a', 5)
    await store.refresh()
    equal(store.head().position, 5)
  })

  test(
    'a store without backups says so',
    async ({ store }) => {
      await rejectsWith('UNSUPPORTED', store.backup('/nowhere', {}))
    },
    { requires: noBackups },
  )

  test(
    'a backup has everything, and a life of its own',
    async ({ store, handle }) => {
      ok(handle.backup)
      const { digest } = await store.stageBlob(Buffer.alloc(100_000, 3))
      await store.append(batch([event('a', { blobs: [digest] }), event('b')], { command: command('c') }))
      await change(store, { agenda: [{ id: 'x', due: 5 }], pins: [{ pin: 'p', from: 1 }] })
      const before = await events(store)
      await store.backup(handle.backup.to, {})
      await put(store, 'a')
      const copy = await handle.backup.open()
      deepEqual(await events(copy), before)
      equal((await copy.command('c'))?.position, 2)
      deepEqual([(await copy.agenda({})).length, (await copy.pins()).length], [1, 1])
      equal((await copy.blob(digest))?.bytes, 100_000)
      equal((await copy.verify({})).ok, true)
      await put(copy, 'b')
      equal((await copy.stream('a'))?.seq, 1)
      equal((await store.stream('b'))?.seq, 1)
    },
    { requires: backups },
  )

  test(
    'a backup while appends go on is one moment of it',
    async ({ store, handle }) => {
      ok(handle.backup)
      await putMany(store, 'a', 20)
      const appends = range(1, 20).map(() => put(store, 'a', 'b'))
      await store.backup(handle.backup.to, {})
      await Promise.all(appends)
      const copy = await handle.backup.open()
      const copied = await events(copy)
      ok(copied.length >= 20)
      equal(copied.length % 2, 0)
      deepEqual(copied, (await events(store)).slice(0, copied.length))
    },
    { requires: backups },
  )

  test(
    'a backup never goes where something is',
    async ({ store, handle }) => {
      ok(handle.backup)
      await put(store, 'a')
      await store.backup(handle.backup.to, {})
      await put(store, 'a')
      await rejectsWith('TARGET_NOT_EMPTY', store.backup(handle.backup.to, {}))
      equal((await (await handle.backup.open()).stream('a'))?.seq, 1)
    },
    { requires: backups },
  )
})
