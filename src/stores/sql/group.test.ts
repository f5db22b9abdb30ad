// Judging in groups: callers that share a transaction get answers of their own.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, command, event, events, everything } from '../../testing/conformance/batches.ts'
import { type FakeClock, fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { SqliteBackend } from '../sqlite/backend.ts'
import type { Batch, Receipt } from '../store.ts'
import { type SqlBackend, SqlFailure, type SqlGroup } from './backend.ts'
import type { HeadRow } from './rows.ts'
import { SqlStore } from './sql-store.ts'

let file: ScratchFile
let clock: FakeClock
let backend: SqlBackend
let store: SqlStore
/** Batches in each group that was begun. */
let groups: number
let begin: (real: () => Promise<SqlGroup>) => Promise<SqlGroup>
let look: (real: () => Promise<HeadRow>) => Promise<HeadRow>
/** A blob that was staged is about to get its name. */
let finishing: () => void

beforeEach(async () => {
  file = await scratchFile()
  clock = fakeClock()
  await (await openSqlite(file.path, { clock, random: seededRandom(1) })).close()
  const place = { driver: await testDriver(), path: file.path, label: 'agent.db', clock, copyTo: undefined }
  const real = SqliteBackend.open({ ...place, readOnly: undefined })
  groups = 0
  begin = (go) => go()
  look = (go) => go()
  finishing = () => undefined
  backend = new Proxy(real, {
    get(target, name) {
      if (name === 'begin') {
        return (wanted: Parameters<SqlBackend['begin']>[0]) => {
          groups++
          return begin(() => target.begin(wanted))
        }
      }
      if (name === 'head') return () => look(() => target.head())
      if (name === 'finishBlob') {
        return (...given: Parameters<SqlBackend['finishBlob']>) => {
          finishing()
          return target.finishBlob(...given)
        }
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  store = await SqlStore.open({ backend, clock, random: seededRandom(2) })
})

afterEach(async () => {
  await store.close()
  await file.remove()
})

async function outcome(work: Promise<Receipt>): Promise<unknown> {
  try {
    const { events: places, duplicate } = await work
    return duplicate ? `duplicate of ${places[0]?.position}` : places.map(({ position }) => position)
  } catch (error) {
    return (error as HoldfastError).code
  }
}

function all(batches: readonly Batch[]): Promise<readonly unknown[]> {
  return Promise.all(batches.map((one) => outcome(store.append(one))))
}

const expecting = (seq: number) => ({ expect: new Map([['a', seq]]) })

describe('a group', () => {
  it('is what was appended in one turn, and one transaction', async () => {
    expect(await all(Array.from({ length: 100 }, () => batch([event('a')])))).toEqual(
      Array.from({ length: 100 }, (_, index) => [index + 1]),
    )
    expect(groups).toBe(1)
  })

  it('refuses the one whose expectation a neighbour broke, and nobody else', async () => {
    const told = await all([
      batch([event('a')], expecting(0)),
      batch([event('a')], expecting(0)),
      batch([event('b')]),
      batch([event('a')], expecting(1)),
      batch([event('a')], expecting(1)),
    ])
    expect(told).toEqual([[1], 'SEQ_CONFLICT', [2], [3], 'SEQ_CONFLICT'])
    expect(groups).toBe(1)
    expect((await events(store)).map(({ stream, seq, position }) => [stream, seq, position])).toEqual([
      ['a', 1, 1],
      ['b', 1, 2],
      ['a', 2, 3],
    ])
  })

  it('knows a command id that it has just seen', async () => {
    const one = batch([event('a')], { command: command('c') })
    const other = batch([event('a', { data: '2' })], { command: { id: 'c', digest: 'f'.repeat(64) } })
    expect(await all([one, one, other, one, batch([event('a')])])).toEqual([
      [1],
      'duplicate of 1',
      'COMMAND_CONFLICT',
      'duplicate of 1',
      [2],
    ])
    expect((await store.command('c'))?.position).toBe(1)
  })

  it('leaves no trace of what it refused: a command id refused once can be used', async () => {
    const told = await all([
      batch([event('a'), event('b')], { command: command('c'), agenda: [{ id: 'x', due: 5 }], ...expecting(7) }),
      batch([event('b')], { command: command('c') }),
    ])
    expect(told).toEqual(['SEQ_CONFLICT', [1]])
    expect(await store.agenda({})).toEqual([])
  })

  it('gives a lease to the first who asks', async () => {
    const acquire = (owner: string) => batch([], { leases: [{ lease: 'l', op: 'acquire', owner, ttlMs: 100 }] })
    expect(await all([acquire('me'), acquire('you'), acquire('me')])).toEqual([[], 'LEASE_HELD', []])
    expect(await store.lease('l')).toMatchObject({ owner: 'me', token: 2 })
  })

  it('writes the newest of what changed several times', async () => {
    await all([
      batch([], {
        agenda: [{ id: 'x', due: 1 }],
        pins: [{ pin: 'p', from: 1 }],
        releases: [{ stream: 'a', through: 3 }],
      }),
      batch([], {
        agenda: [{ id: 'x', due: null }],
        pins: [{ pin: 'p', from: null }],
        releases: [{ stream: 'a', through: 1 }],
      }),
      batch([], { agenda: [{ id: 'y', due: 2 }] }),
    ])
    expect(groups).toBe(1)
    expect((await store.agenda({})).map(({ id }) => id)).toEqual(['y'])
    expect(await store.pins()).toEqual([])
    expect(await store.stream('a')).toBeUndefined()
  })

  it('tells nobody before it is committed, not even a refusal', async () => {
    let commit = (): void => undefined
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let isBegun = (): void => undefined
    const begun = new Promise<void>((resolve) => {
      isBegun = resolve
    })
    begin = async (go) => {
      const group = await go()
      return {
        ...group,
        async commit(write) {
          isBegun()
          await held
          await group.commit(write)
        },
      }
    }
    const told: unknown[] = []
    const calls = [batch([event('a')], expecting(0)), batch([event('a')], expecting(0))].map(async (one) =>
      told.push(await outcome(store.append(one))),
    )
    await begun
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toEqual([])
    expect(store.head().appended).toBe(0)
    commit()
    await Promise.all(calls)
    expect(told).toEqual([[1], 'SEQ_CONFLICT'])
  })
})

describe('content that is staged', () => {
  it('is claimed, though an earlier claim on the same is given up just then', async () => {
    const content = Buffer.alloc(300_000, 3)
    const first = await store.stageBlob(content)
    finishing = () => first.release()
    const { digest } = await store.stageBlob(content)
    await store.retain({ before: 0 }, { dryRun: false })
    await store.append(batch([event('a', { blobs: [digest] })]))
    expect((await store.verify({})).findings).toEqual([])
  })

  it('and small is bounded in memory, and makes room when it is given up', async () => {
    const size = limits.blobInlineBytesMax
    const most = limits.queueBytesMax / size + 1
    const content = Buffer.alloc(size)
    const stage = (number: number) => {
      content.writeUInt32LE(number)
      return store.stageBlob(content)
    }
    const staged = await stage(0)
    for (let number = 1; number < most; number++) await stage(number)
    await expect(stage(most)).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    staged.release()
    await stage(most)
  })
})

it.each(['sync', 'eventual'] as const)('a look that comes late takes nothing back: %s', async (durability) => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  look = async (go) => {
    const head = await go()
    await held
    return head
  }
  const looked = store.refresh()
  await store.append(batch([event('a')], { durability }))
  const before = store.head()
  expect(before.appended).toBe(1)
  release()
  await looked
  expect(store.head()).toEqual(before)
})

it('a journal that has moved takes no import, though it is empty', async () => {
  await store.relocate({ state: 'moved', to: 'elsewhere', copy: 'c', time: 1 })
  const records = async function* () {
    yield [{ control: '{"control":"witness","time":5}' }]
  }
  await expect(store.load(records())).rejects.toMatchObject({ code: 'MOVED' })
  await store.relocate(undefined)
  await store.load(records())
})

describe('a group that fails', () => {
  const busy = (outcome: 'not-done' | 'unknown', transient: boolean, latches: boolean) =>
    new SqlFailure(new HoldfastError(transient ? 'LOCKED' : 'IO', 'planted'), { outcome, transient, latches })

  it('is tried again while that is safe, and takes effect once', async () => {
    let failures = 3
    begin = (go) => (failures-- > 0 ? Promise.reject(busy('not-done', true, false)) : go())
    const told = all([batch([event('a')]), batch([event('a')])])
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(25)
    }
    expect(await told).toEqual([[1], [2]])
    expect(groups).toBe(4)
  })

  it('is given up after a while, and the store goes on', async () => {
    begin = () => Promise.reject(busy('not-done', true, false))
    let isTold = false
    const told = all([batch([event('a')])]).finally(() => {
      isTold = true
    })
    while (!isTold) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(25)
    }
    expect(await told).toEqual(['LOCKED'])
    expect(groups).toBeLessThan(500)
    begin = (go) => go()
    expect(await all([batch([event('a')])])).toEqual([[1]])
  })

  const large = event('a', { data: JSON.stringify('x'.repeat(4_000_000)) })
  it.each([
    // As many as come to the limit, two to a group; and one by one as many as may wait at all.
    ['bytes', large, 20, 17, 9],
    ['appends', event('a'), limits.queueWaitersMax + 5, limits.queueWaitersMax, 25],
  ] as const)('makes room again in the queue, which is bounded in %s', async (_what, one, asked, taken, groupsMax) => {
    begin = () => Promise.reject(busy('not-done', false, false))
    for (const _round of [1, 2]) {
      groups = 0
      const told = await all(Array.from({ length: asked }, () => batch([one])))
      expect(told.filter((code) => code === 'QUEUE_FULL').length).toBe(asked - taken)
      expect(told.filter((code) => code === 'IO').length).toBe(taken)
      expect(groups).toBe(groupsMax)
    }
  })

  it('whose end is unknown is indeterminate, and shuts the store until it is reopened', async () => {
    begin = async (go) => {
      const group = await go()
      return {
        ...group,
        async commit(write) {
          await group.commit(write)
          throw busy('unknown', true, true)
        },
      }
    }
    expect(await all([batch([event('a')]), batch([event('b')])])).toEqual(['INDETERMINATE', 'INDETERMINATE'])
    expect(groups).toBe(1)
    begin = (go) => go()
    expect(await all([batch([event('a')])])).toEqual(['LATCHED'])
    await expect(store.retain({ before: 1 }, { dryRun: false })).rejects.toMatchObject({ code: 'LATCHED' })
    await store.reopen()
    expect(store.head().position).toBe(2)
    expect(await all([batch([event('a')])])).toEqual([[3]])
  })

  it('on a disk that fails before the commit is not done, and shuts the store all the same', async () => {
    begin = () => Promise.reject(busy('not-done', false, true))
    let woken = 0
    store.watch(() => {
      woken++
    })
    expect(await all([batch([event('a')])])).toEqual(['IO'])
    // Who waits for events learns that none will come.
    expect(woken).toBe(1)
    begin = (go) => go()
    expect(await all([batch([event('a')])])).toEqual(['LATCHED'])
    await store.reopen()
    expect(await all([batch([event('a')])])).toEqual([[1]])
  })
})

describe('what waits for appends that came before it', () => {
  it.each([
    ['a retention', (on: SqlStore) => on.retain({ before: 1 }, { dryRun: false })],
    ['a verification', (on: SqlStore) => on.verify({})],
    [
      'an export',
      async (on: SqlStore) => {
        for await (const _page of on.dump());
      },
    ],
    ['a mark of where the journal goes', (on: SqlStore) => on.relocate(undefined)],
  ])('%s ends though appends never cease', async (_what, work) => {
    const most = 4_000
    let appended = 0
    let isOver = false
    const callers = Array.from({ length: 8 }, async () => {
      for (; !isOver && appended < most; appended++) await store.append(batch([event('a')]))
    })
    await work(store)
    isOver = true
    expect(appended).toBeLessThan(most)
    await Promise.all(callers)
  })
})

describe('eventual appends', () => {
  const eventual = () => batch([event('a')], { durability: 'eventual' })

  it('are not shown before they are durable, and become durable by themselves', async () => {
    await store.append(eventual())
    expect(store.head()).toMatchObject({ position: 0, appended: 1 })
    expect(await events(store)).toEqual([])
    expect(await events(store, { kind: 'stream', stream: 'a' })).toEqual([])
    const woken = new Promise<void>((resolve) => {
      const stop = store.watch(() => {
        stop()
        resolve()
      })
    })
    clock.advance(10)
    await woken
    expect((await events(store)).length).toBe(1)
    expect((await events(store, { kind: 'stream', stream: 'a' })).length).toBe(1)
  })

  it('become durable though they never cease', async () => {
    const most = 2_000
    let appended = 0
    const isShown = () => store.head().position > 0
    const callers = Array.from({ length: 8 }, async () => {
      for (; !isShown() && appended < most; appended++) {
        await store.append(eventual())
        clock.advance(10)
      }
    })
    await Promise.all(callers)
    expect(isShown()).toBe(true)
    expect(appended).toBeLessThan(most)
  })

  it('of a stream are shown up to what is durable', async () => {
    await store.append(batch([event('a'), event('a')]))
    await store.append(eventual())
    for (const direction of ['forward', 'backward'] as const) {
      const shown = await events(store, { kind: 'stream', stream: 'a' }, { direction })
      expect(shown.map(({ seq }) => seq).sort()).toEqual([1, 2])
    }
    expect((await events(store, everything)).length).toBe(2)
  })

  it('that a duplicate answers to are durable when it is told', async () => {
    const named = batch([event('a')], { durability: 'eventual', command: command('c') })
    await store.append(named)
    expect(store.head().position).toBe(0)
    expect((await store.append(named)).duplicate).toBe(true)
    expect(store.head().position).toBe(1)
  })
})
