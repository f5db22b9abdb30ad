// Retention in pieces: cut off at any of them it leaves a sound journal, and the next one does the rest.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { HoldfastError } from '../../errors.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, command, event, events, items } from '../../testing/conformance/batches.ts'
import { type FakeClock, fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { SqliteBackend } from '../sqlite/backend.ts'
import type { RetentionRule } from '../store.ts'
import { type SqlBackend, SqlFailure, type SqlUpkeep } from './backend.ts'
import { SqlStore } from './sql-store.ts'

let file: ScratchFile
let clock: FakeClock
let real: SqliteBackend
/** Pieces that are still committed. */
let piecesLeft: number
let pieces: number
let between: () => Promise<void>

beforeEach(async () => {
  file = await scratchFile()
  clock = fakeClock(1_000)
  piecesLeft = Number.POSITIVE_INFINITY
  pieces = 0
  between = async () => undefined
})
afterEach(() => file.remove())

/** A store whose upkeep fails, as a disk does, once so many pieces are committed. */
async function open(): Promise<SqlStore> {
  await (await openSqlite(file.path, { clock, random: seededRandom(1) })).close()
  const place = { driver: await testDriver(), path: file.path, label: 'agent.db', clock, copyTo: undefined }
  real = SqliteBackend.open({ ...place, readOnly: undefined })
  const backend: SqlBackend = new Proxy(real, {
    get(target, name) {
      if (name === 'upkeep') return () => upkeep(target)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return SqlStore.open({ backend, clock, random: seededRandom(2) })
}

async function upkeep(target: SqlBackend): Promise<SqlUpkeep> {
  const transaction = await target.upkeep()
  return {
    ...transaction,
    async commit() {
      if (piecesLeft-- <= 0) {
        await transaction.rollback()
        const failure = new HoldfastError('IO', 'planted')
        throw new SqlFailure(failure, { outcome: 'not-done', transient: false, latches: true })
      }
      pieces++
      await transaction.commit()
      await between()
    },
  }
}

/** 6,000 events of three streams in two halves of time, some of them pinned, naming blobs, with command ids. */
async function fill(store: SqlStore): Promise<RetentionRule> {
  const { digest } = await store.stageBlob(Buffer.alloc(5_000, 1))
  for (let at = 0; at < 6_000; at += 500) {
    const blobs = at === 0 || at === 3_000 ? { blobs: [digest] } : {}
    const some = Array.from({ length: 500 }, (_, index) => event(`s${index % 3}`, index === 0 ? blobs : {}))
    await store.append(batch(some, { command: command(`c${at}`) }))
    if (at === 2_500) clock.advance(1_000)
  }
  await store.append(batch([], { pins: [{ pin: 'p', stream: 's1', from: 500 }] }))
  return { before: 2_000, streams: [{ stream: 's2', before: 1_500 }], commandsBefore: 2_000, bytesMax: 300_000 }
}

async function contentOf(store: SqlStore): Promise<unknown> {
  const told = await items(store, { kind: 'all' }, { tellRemoved: true })
  const stats = await store.stats()
  return { told, stats, head: store.head(), s0: await store.stream('s0'), s1: await store.stream('s1') }
}

it('is cut off at any piece, and done by the next', async () => {
  const whole = await open()
  const rule = await fill(whole)
  const dry = await whole.retain(rule, { dryRun: true })
  const report = await whole.retain(rule, { dryRun: false })
  expect({ ...report, dryRun: true }).toEqual(dry)
  const expected = await contentOf(whole)
  const all = pieces
  await whole.close()
  expect(all).toBeGreaterThan(6)

  for (let cut = 0; cut < all; cut++) {
    await file.remove()
    file = await scratchFile()
    clock = fakeClock(1_000)
    piecesLeft = Number.POSITIVE_INFINITY
    const store = await open()
    await fill(store)
    piecesLeft = cut
    await expect(store.retain(rule, { dryRun: false })).rejects.toMatchObject({ code: 'IO' })
    piecesLeft = Number.POSITIVE_INFINITY
    await expect(store.append(batch([event('a')]))).rejects.toMatchObject({ code: 'LATCHED' })
    await store.reopen()
    expect((await store.verify({})).findings, `cut ${cut}`).toEqual([])
    await store.retain(rule, { dryRun: false })
    expect(await contentOf(store), `cut ${cut}`).toEqual(expected)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  }
})

it('has forgotten command ids once it says so, though their rows are still there', async () => {
  const store = await open()
  await fill(store)
  piecesLeft = 1
  await expect(store.retain({ commandsBefore: 2_000 }, { dryRun: false })).rejects.toMatchObject({ code: 'IO' })
  piecesLeft = Number.POSITIVE_INFINITY
  await store.reopen()
  // Nor does a later retention of less bring any of them back.
  await store.retain({ commandsBefore: 500 }, { dryRun: false })
  expect((await store.stats()).commands).toBe(12)
  // Those of the first half are from before.
  expect(await store.command('c2500')).toBeUndefined()
  expect(await store.command('c3000')).toBeDefined()
  const told: string[] = []
  for await (const page of store.dump())
    for (const { control = '' } of page) if (control.includes('"command"')) told.push(control)
  expect(told.length).toBe(6)
  expect((await store.append(batch([event('s0')], { command: command('c0', 'other') }))).duplicate).toBe(false)
  expect((await store.append(batch([event('s0')], { command: command('c3000') }))).duplicate).toBe(true)
  await store.close()
})

it('leaves more ranges than a page tells, and each is told in its place', async () => {
  const store = await open()
  const pairs = 1_500
  for (let at = 0; at < pairs; at += 500) {
    await store.append(batch(Array.from({ length: 1_000 }, (_, index) => event(index % 2 === 0 ? 'x/old' : 'y'))))
  }
  await store.append(batch([event('x/new')]))
  await store.retain({ streams: [{ stream: 'x/old', before: 'all' }] }, { dryRun: false })
  const told = (await items(store, { kind: 'prefix', prefix: 'x/' }, { tellRemoved: true })).map((item) =>
    'removed' in item ? [item.removed.from, item.removed.to] : item.position,
  )
  const ranges = Array.from({ length: pairs }, (_, index) => [2 * index + 1, 2 * index + 1])
  expect(told).toEqual([...ranges, 2 * pairs + 1])
  const all = await items(store, { kind: 'all' }, { tellRemoved: true })
  expect(all.length).toBe(2 * pairs + 1)
  await store.close()
})

it('lets appends in between its pieces, and leaves them alone', async () => {
  const store = await open()
  const rule = await fill(store)
  const appended: Promise<unknown>[] = []
  const toldAt: number[] = []
  between = async () => {
    const told = store.append(batch([event('s0'), event('s2')])).then(() => toldAt.push(pieces))
    appended.push(told)
  }
  const newest = store.head().position
  await store.retain(rule, { dryRun: false })
  between = async () => undefined
  await Promise.all(appended)
  // They did not wait for all of it.
  expect(toldAt[0]).toBeLessThan(pieces)
  const later = (await events(store, { kind: 'all' }, { from: newest + 1 })).map(({ position }) => position)
  expect(appended.length).toBeGreaterThan(6)
  expect(later).toEqual(Array.from({ length: appended.length * 2 }, (_, index) => newest + 1 + index))
  expect((await store.verify({})).findings).toEqual([])
  await store.close()
})

it('keeps what is pinned while it goes on', async () => {
  const store = await open()
  await fill(store)
  let isPinned = false
  between = async () => {
    if (isPinned) return
    isPinned = true
    void store.append(batch([], { pins: [{ pin: 'late', stream: 's2', from: 1_300 }] }))
  }
  await store.retain({ before: Number.MAX_SAFE_INTEGER }, { dryRun: false })
  const kept = await events(store, { kind: 'stream', stream: 's2' })
  expect(kept[0]?.seq).toBe(1_300)
  expect(kept.at(-1)?.seq).toBe((await store.stream('s2'))?.seq)
  expect((await store.verify({})).findings).toEqual([])
  await store.close()
})
