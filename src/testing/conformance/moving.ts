// A journal that goes elsewhere: from the mark on nothing is written, by anybody, and all can be read; what was
// acknowledged before is part of what is copied.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { ImportRecord, Relocation, Store } from '../../stores/store.ts'
import { batch, command, event, put, putMany, retain } from './batches.ts'
import { codeOf, rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, persistent, readerOf, readers, refreshed, reopened } from './scene.ts'

const moving: Relocation = { state: 'moving', to: 'elsewhere', copy: 'c'.repeat(32), time: 1_790_000_000_000 }
const moved: Relocation = { ...moving, state: 'moved' }

async function dumped(store: Store): Promise<readonly ImportRecord[]> {
  const records: ImportRecord[] = []
  for await (const page of store.dump()) records.push(...page)
  return records
}

async function refusesWrites(store: Store): Promise<void> {
  await rejectsWith('MOVED', store.append(batch([event('a')])))
  await rejectsWith('MOVED', store.append(batch([], { agenda: [{ id: 'x', due: 1 }] })))
  await rejectsWith('MOVED', store.append(batch([event('a')], { durability: 'eventual' })))
}

export const moves: readonly CaseDefinition[] = caseGroup('moving', (test) => {
  test('a journal that stays says nothing of where it goes', async ({ store }) => {
    equal(await store.relocation(), undefined)
    await put(store, 'a')
    equal(await store.relocation(), undefined)
    await store.relocate(undefined)
    await put(store, 'a')
  })

  test('where it goes is told as it was set', async ({ store }) => {
    await store.relocate(moving)
    deepEqual(await store.relocation(), moving)
    await store.relocate(moved)
    deepEqual(await store.relocation(), moved)
  })

  test('from the mark on it refuses appends, blobs and retention, and says where it goes', async ({ store }) => {
    await putMany(store, 'a', 3)
    for (const mark of [moving, moved]) {
      await store.relocate(mark)
      await refusesWrites(store)
      await rejectsWith('MOVED', store.stageBlob(Buffer.from('content')))
      await rejectsWith('MOVED', retain(store, { streams: [{ stream: 'a', before: 2 }] }))
      const error = await rejectsWith('MOVED', store.append(batch([event('a')])))
      const { details } = error as { readonly details: Readonly<Record<string, unknown>> }
      deepEqual([details.state, details.to, details.copy, details.time], [mark.state, mark.to, mark.copy, mark.time])
    }
    equal(store.head().position, 3)
  })

  test(
    'a reader can mark nothing',
    async (scene) => {
      const reader = await readerOf(scene)
      for (const mark of [moving, moved]) await rejectsWith('READ_ONLY', reader.relocate(mark))
      equal(await reader.relocation(), undefined)
      equal(await scene.store.relocation(), undefined)
      await put(scene.store, 'a')
    },
    { requires: readers },
  )

  test('a command id that is known is refused like any other append', async ({ store }) => {
    await store.append(batch([event('a')], { command: command('c') }))
    await store.relocate(moved)
    await rejectsWith('MOVED', store.append(batch([event('a')], { command: command('c') })))
    equal((await store.command('c'))?.position, 1)
  })

  test('all of it can be read, and verified', async ({ store }) => {
    await putMany(store, 'a', 3)
    const before = await dumped(store)
    await store.relocate(moved)
    deepEqual(await dumped(store), before)
    equal((await store.verify({})).ok, true)
    equal((await store.stream('a'))?.seq, 3)
    equal((await store.retain({ streams: [{ stream: 'a', before: 2 }] }, { dryRun: true })).events, 1)
  })

  test('what was acknowledged before the mark is in what is copied behind it, and nothing else', async ({ store }) => {
    const outcomes = Array.from({ length: 40 }, (_, index) =>
      store.append(batch([event('a', { data: `${index}` })])).then(
        ({ seq }) => seq,
        (error: unknown) => codeOf(error),
      ),
    )
    const marked = store.relocate(moving)
    outcomes.push(
      marked.then(() =>
        store.append(batch([event('a')])).then(
          ({ seq }) => seq,
          (error: unknown) => codeOf(error),
        ),
      ),
    )
    await marked
    const events = (await dumped(store)).filter((record) => record.event !== undefined).length
    const told = await Promise.all(outcomes)
    equal(told.filter((outcome) => typeof outcome === 'number').length, events)
    ok(told.every((outcome) => typeof outcome === 'number' || outcome === 'MOVED'))
    equal(told.at(-1), 'MOVED')
  })

  test('a mark that another copy has set is not replaced', async ({ store }) => {
    await store.relocate(moving)
    const other: Relocation = { ...moving, copy: 'd'.repeat(32), to: 'another place' }
    await rejectsWith('MOVED', store.relocate(other))
    deepEqual(await store.relocation(), moving)
    await store.relocate(undefined)
    await store.relocate(other)
    deepEqual(await store.relocation(), other)
  })

  test('taken back, the mark leaves no trace', async ({ store }) => {
    await put(store, 'a')
    await store.relocate(moving)
    await rejectsWith('MOVED', store.append(batch([event('a')])))
    await store.relocate(undefined)
    equal(await store.relocation(), undefined)
    const { seq, position } = await store.append(batch([event('a')]))
    deepEqual([seq, position], [2, 2])
    await store.stageBlob(Buffer.from('content')).then((staged) => staged.release())
  })

  test('a dump without the content of blobs names them all the same', async ({ store }) => {
    const contents = [Buffer.from('small'), Buffer.alloc(300_000, 'large')]
    for (const content of contents) {
      const { digest } = await store.stageBlob(content)
      await store.append(batch([event('a', { blobs: [digest] })]))
    }
    const records: ImportRecord[] = []
    for await (const page of store.dump({ withoutContent: () => true })) records.push(...page)
    const named = (from: readonly ImportRecord[]): readonly unknown[] =>
      from
        .filter(({ control }) => control?.startsWith('{"control":"blob"') === true)
        .map(({ control = '' }) => {
          const { digest, bytes } = JSON.parse(control) as { readonly digest: string; readonly bytes: number }
          return [digest, bytes]
        })
    deepEqual(named(records), named(await dumped(store)))
    const others = (from: readonly ImportRecord[]): readonly ImportRecord[] =>
      from.filter(({ control, chunk }) => chunk === undefined && control?.startsWith('{"control":"blob"') !== true)
    deepEqual(others(records), others(await dumped(store)))
  })

  test(
    'the mark holds over a reopening',
    async (scene) => {
      await put(scene.store, 'a')
      await scene.store.relocate(moving)
      // A store with one writer does not even open; one with several opens, and refuses what is written.
      const store = await reopened(scene).catch((error: unknown) => codeOf(error))
      if (typeof store === 'string') equal(store, 'MOVED')
      else await refusesWrites(store as Store)
    },
    { requires: persistent },
  )

  test(
    'a reader finds it, and goes on reading',
    async (scene) => {
      await put(scene.store, 'a')
      await scene.store.relocate(moved)
      const reader = await readerOf(scene)
      await refreshed(scene, reader)
      deepEqual(await reader.relocation(), moved)
      equal(reader.head().position, 1)
    },
    { requires: readers },
  )
})
