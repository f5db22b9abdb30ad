// Two stores on one file, as two processes have it: what one does must hold for the other.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HoldfastError } from '../../errors.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, bytesOf, command, dropAll, event, events, gather, retain } from '../../testing/conformance/batches.ts'
import { type FakeClock, fakeClock } from '../../testing/fake-clock.ts'
import { prng } from '../../testing/prng.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import type { HeadChange } from '../sql/rows.ts'
import type { SqlStore } from '../sql/sql-store.ts'
import { connectWriter } from './place.ts'
import { SqliteWriter } from './writer.ts'

const aDayMs = 86_400_000
let file: ScratchFile
let clock: FakeClock
let mine: SqlStore
let theirs: SqlStore

beforeEach(async () => {
  file = await scratchFile()
  clock = fakeClock()
  mine = await openSqlite(file.path, { clock })
  theirs = await openSqlite(file.path, { clock })
})
afterEach(async () => {
  await mine.close()
  await theirs.close()
  await file.remove()
})

async function alterHead(change: HeadChange): Promise<void> {
  const connection = connectWriter({ driver: await testDriver(), path: file.path, label: 'agent.db' })
  const writer = new SqliteWriter(connection)
  writer.atOnce(() => writer.setHeadNow(change))
  connection.close()
}

describe('two stores on one file', () => {
  it('are one journal: one history, one order, one set of command ids', async () => {
    expect(theirs.identity()).toEqual(mine.identity())
    await mine.append(batch([event('a')], { command: command('c') }))
    expect((await theirs.append(batch([event('b')]))).position).toBe(2)
    expect((await theirs.append(batch([event('a')], { command: command('c') }))).duplicate).toBe(true)
    await expect(mine.append(batch([event('b')], { expect: new Map([['b', 0]]) }))).rejects.toMatchObject({
      code: 'SEQ_CONFLICT',
    })
    expect(await events(mine)).toEqual(await events(theirs))
    expect(mine.head().position).toBe(2)
  })

  const steps = Number(process.env.SQLITE_TURNS ?? 300)
  const seed = Number(process.env.SEED ?? 1)
  it(`know where a stream stands, whoever wrote to it (${steps} steps, SEED=${seed})`, async () => {
    const chance = prng(seed)
    const newest = new Map<string, number>()
    for (let step = 0; step < steps; step++) {
      const store = chance.below(2) === 0 ? mine : theirs
      const stream = `s${chance.below(4)}`
      const seq = newest.get(stream) ?? 0
      const where = `step ${step}, SEED=${seed}`
      switch (chance.below(8)) {
        case 0:
          if (seq > 0) await retain(store, { streams: [{ stream, before: 1 + chance.below(seq) }] })
          break
        case 1: {
          // Refused, beside one that isn't.
          const refused = store.append(batch([event(stream)], { expect: new Map([[stream, seq + 1]]) }))
          const [outcome] = await Promise.allSettled([refused, store.append(batch([event('beside')]))])
          expect(outcome, where).toMatchObject({ status: 'rejected', reason: { code: 'SEQ_CONFLICT' } })
          break
        }
        case 2:
          // Refused alone: the transaction is rolled back.
          await expect(
            store.append(batch([event(stream)], { expect: new Map([[stream, seq + 1]]) })),
            where,
          ).rejects.toMatchObject({ code: 'SEQ_CONFLICT' })
          break
        default: {
          const receipt = await store.append(batch([event(stream)], { expect: new Map([[stream, seq]]) }))
          expect(receipt.events[0]?.seq, where).toBe(seq + 1)
          newest.set(stream, seq + 1)
        }
      }
    }
    for (const [stream, seq] of newest) expect((await mine.stream(stream))?.seq).toBe(seq)
    expect((await theirs.verify({})).findings).toEqual([])
  })

  it('take turns with a lease, and a fence shuts out the one that lost it', async () => {
    const acquire = (owner: string) => batch([], { leases: [{ lease: 'l', op: 'acquire', owner, ttlMs: 100 }] })
    const grant = (await mine.append(acquire('me'))).leases[0]
    await expect(theirs.append(acquire('you'))).rejects.toMatchObject({ code: 'LEASE_HELD' })
    clock.advance(100)
    await theirs.append(acquire('you'))
    const fences = [{ lease: 'l', token: grant?.token ?? 0 }]
    await expect(mine.append(batch([event('a')], { fences }))).rejects.toMatchObject({ code: 'LEASE_LOST' })
  })

  it('keep one time, though one clock is behind', async () => {
    const late = await openSqlite(file.path, { clock: fakeClock(clock.now() - 5_000) })
    await mine.append(batch([event('a')]))
    await late.append(batch([event('a')]))
    await late.close()
    const times = (await events(mine)).map(({ time }) => time)
    expect(times[1]).toBe(times[0])
  })

  it('show each other only what is durable', async () => {
    await mine.append(batch([event('a')], { durability: 'eventual' }))
    expect(await events(theirs)).toEqual([])
    expect(theirs.head().position).toBe(0)
    await mine.flush()
    expect((await events(theirs)).length).toBe(1)
    expect(theirs.head().position).toBe(1)
  })

  it('may remove what the other only numbered, and show no end before the beginning', async () => {
    await mine.append(batch([event('a')], { durability: 'eventual' }))
    await retain(theirs, { before: Number.MAX_SAFE_INTEGER })
    expect(theirs.head()).toMatchObject({ position: 0, earliest: 1 })
    await mine.flush()
    await theirs.refresh()
    expect(theirs.head()).toMatchObject({ position: 1, earliest: 2 })
  })

  it('make durable what the other only numbered, when they are opened for writing', async () => {
    await mine.append(batch([event('a')], { durability: 'eventual' }))
    const third = await openSqlite(file.path, { clock })
    expect(third.head()).toMatchObject({ position: 1, appended: 1 })
    expect((await events(theirs)).length).toBe(1)
    await third.close()
  })

  it('make durable what they only numbered, when they are closed', async () => {
    await mine.append(batch([event('a')], { durability: 'eventual' }))
    await mine.close()
    await theirs.refresh()
    expect(theirs.head()).toMatchObject({ position: 1, appended: 1 })
  })

  it('make durable what the other only numbered, with the next synced append', async () => {
    await mine.append(batch([event('a')], { durability: 'eventual' }))
    expect((await theirs.append(batch([event('b')]))).position).toBe(2)
    expect((await events(theirs)).length).toBe(2)
  })

  describe('export only what is durable', () => {
    const positionsIn = async (store: SqlStore) =>
      (await gather(store.dump())).flatMap(({ event: one }) =>
        one === undefined ? [] : Number(one.text.split(/\D+/)[1]),
      )
    let reader: SqlStore
    beforeEach(async () => {
      await mine.append(batch([event('a')]))
      await mine.append(batch([event('a')], { durability: 'eventual' }))
      reader = await openSqlite(file.path, { clock, readOnly: true })
    })
    afterEach(() => reader.close())

    it('and make it so, where they may write', async () => {
      expect(reader.head().position).toBe(1)
      expect(await positionsIn(theirs)).toEqual([1, 2])
      await reader.refresh()
      expect(reader.head().position).toBe(2)
    })

    it('and wait for whoever wrote it, where they may not', async () => {
      let isDone = false
      const read = positionsIn(reader).finally(() => {
        isDone = true
      })
      for (let ms = 0; ms < 10; ms++) {
        await new Promise((resolve) => setImmediate(resolve))
        expect(isDone).toBe(false)
        clock.advance(1)
      }
      while (!isDone) {
        await new Promise((resolve) => setImmediate(resolve))
        clock.advance(1)
      }
      expect(await read).toEqual([1, 2])
    })

    it('and say so when nobody makes it durable any more', async () => {
      // The process that wrote it was killed: its timers are nobody's.
      await mine.close()
      await alterHead({ durable: 1 })
      const told = positionsIn(reader).catch((error: HoldfastError) => error.code)
      let outcome: unknown
      void told.then((it) => {
        outcome = it
      })
      while (outcome === undefined) {
        await new Promise((resolve) => setImmediate(resolve))
        clock.advance(1_000)
      }
      expect(outcome).toBe('UNAVAILABLE')
    })
  })

  it('wake each other', async () => {
    let woken = 0
    const stop = mine.watch(() => {
      woken++
    })
    clock.advance(20)
    expect(woken).toBe(0)
    await theirs.append(batch([event('a')]))
    clock.advance(20)
    expect(woken).toBe(1)
    await mine.refresh()
    expect(mine.head().position).toBe(1)
    stop()
    const before = woken
    await theirs.append(batch([event('a')]))
    clock.advance(100)
    expect(woken).toBe(before)
  })

  it('read on behind what the other removed, and are told of it', async () => {
    for (let n = 0; n < 10; n++) await mine.append(batch([event('a'), event('b')]))
    const read = mine.read({ select: { kind: 'all' }, direction: 'forward', tellRemoved: true, limit: 100 })
    await dropAll(theirs, 'a')
    const told: unknown[] = []
    for await (const page of read)
      for (const item of page) told.push('removed' in item ? [item.removed.from] : item.position)
    expect(told.slice(0, 4)).toEqual([[1], 2, [3], 4])
    expect((await mine.stream('a'))?.earliest).toBe(11)
  })
})

describe('content that one has staged', () => {
  for (const size of [100, 300_000]) {
    it(`survives the retention of the other: ${size} bytes`, async () => {
      const content = Buffer.alloc(size, 3)
      const staged = await mine.stageBlob(content)
      await retain(theirs, { before: 0 })
      expect(await theirs.blob(staged.digest)).toBeUndefined()
      await mine.append(batch([event('a', { blobs: [staged.digest] })]))
      expect(Buffer.compare(await bytesOf(theirs, staged.digest), content)).toBe(0)
      await dropAll(theirs, 'a')
      expect(await mine.blob(staged.digest)).toBeUndefined()
      expect((await mine.verify({})).findings).toEqual([])
    })

    it(`and that was there already, survives it too: ${size} bytes`, async () => {
      const content = Buffer.alloc(size, 3)
      const { digest } = await theirs.stageBlob(content)
      await theirs.append(batch([event('a', { blobs: [digest] })]))
      const staged = await mine.stageBlob(content)
      await dropAll(theirs, 'a')
      await mine.append(batch([event('b', { blobs: [staged.digest] })]))
      expect(Buffer.compare(await bytesOf(theirs, digest), content)).toBe(0)
    })
  }

  it('is protected for a day; after that it may have to be staged again', async () => {
    const content = Buffer.alloc(300_000, 3)
    const staged = await mine.stageBlob(content)
    clock.advance(aDayMs)
    await retain(theirs, { before: 0 })
    const named = batch([event('a', { blobs: [staged.digest] })])
    await expect(mine.append(named)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    await mine.stageBlob(content)
    await mine.append(named)
    expect(Buffer.compare(await bytesOf(theirs, staged.digest), content)).toBe(0)
  })

  it('goes when its store is closed, and stays when the other has staged it too', async () => {
    const content = Buffer.alloc(300_000, 3)
    await mine.stageBlob(content)
    const staged = await theirs.stageBlob(content)
    await mine.close()
    await retain(theirs, { before: 0 })
    await theirs.append(batch([event('a', { blobs: [staged.digest] })]))
    expect((await theirs.stats()).blobs).toBe(1)
    expect((await theirs.verify({})).findings).toEqual([])
  })

  it('shares its chunks with what is like it', async () => {
    const content = Buffer.alloc(1_000_000)
    for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
    const changed = Buffer.from(content)
    changed.fill(0, 900_000)
    const [one, other] = [await mine.stageBlob(content), await theirs.stageBlob(changed)]
    await mine.append(batch([event('a', { blobs: [one.digest] })]))
    await theirs.append(batch([event('b', { blobs: [other.digest] })]))
    await dropAll(mine, 'a')
    expect(Buffer.compare(await bytesOf(theirs, other.digest), changed)).toBe(0)
    expect((await mine.verify({})).findings).toEqual([])
  })
})
