// What a journal is put through, as scripts: each is run to its end once, and then ended by a crash in every one of its disk
// operations. They are deterministic: the same world gives the same operations.

import { faultyDisk } from '../../src/disks/faulty-disk.ts'
import { isHoldfastError } from '../../src/errors.ts'
import type { World } from './world.ts'

export interface Scenario {
  readonly name: string
  readonly segmentBytes?: number
  run(world: World): Promise<void>
}

function expectThat(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the scenario went another way: ${what}`)
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'create',
    async run(world) {
      const store = await world.open()
      await store.close()
    },
  },
  {
    name: 'single appends',
    async run(world) {
      const store = await world.open()
      for (let count = 0; count < 3; count++) await world.append(store, { events: [world.event('a')] })
      await world.rest(store)
      await world.append(store, { events: [world.event('b')] })
      await store.close()
    },
  },
  {
    name: 'concurrent appends',
    async run(world) {
      const store = await world.open()
      await world.appendAll(store, ['a', 'b', 'c', 'a', 'b', 'a'], 200)
      const wave = world.appendAll(store, ['a', 'b', 'c'], 700)
      await Promise.resolve()
      await Promise.all([wave, world.appendAll(store, ['d', 'a'], 10)])
      await store.close()
    },
  },
  {
    name: 'batches',
    async run(world) {
      const store = await world.open()
      await world.append(store, { events: [world.event('a'), world.event('b'), world.event('a')] })
      await Promise.all([
        world.append(store, {
          events: [world.event('run/1'), world.event('run/1', 600)],
          command: { id: 'start', digest: '1' },
          agenda: [{ id: 'wake', due: 5_000, data: '{"why":"timer"}' }],
          leases: [{ lease: 'run/1', op: 'acquire', owner: 'me', ttlMs: 1_000 }],
        }),
        world.append(store, { events: [world.event('a')], pins: [{ pin: 'p', from: 1 }] }),
        world.append(store, { agenda: [{ id: 'later', due: 9_000 }] }),
      ])
      await world.append(store, {
        events: [world.event('run/1')],
        command: { id: 'wake', digest: '2' },
        agenda: [{ id: 'wake', due: null }],
        fences: [{ lease: 'run/1', token: 1 }],
        leases: [{ lease: 'run/1', op: 'renew', token: 1, ttlMs: 2_000 }],
        expect: new Map([['run/1', 2]]),
      })
      // Refused, repeated, and released.
      await world.append(store, { events: [world.event('a')], expect: new Map([['a', 1]]) })
      await world.append(store, { events: [], command: { id: 'start', digest: '1' }, agenda: [{ id: 'x', due: 1 }] })
      await world.append(store, {
        leases: [{ lease: 'run/1', op: 'release', token: 1 }],
        pins: [{ pin: 'p', from: null }],
      })
      // Long enough to be torn between any two of their lines.
      for (let count = 0; count < 6; count++) {
        await world.append(store, {
          events: [world.event('a', 900), world.event('b', 900)],
          command: { id: `long ${count}`, digest: '3' },
          agenda: [{ id: 'long', due: 7_000 + count }],
        })
      }
      await store.close()
    },
  },
  {
    name: 'eventual',
    async run(world) {
      const store = await world.open()
      const eventual = { durability: 'eventual' } as const
      await world.append(store, { ...eventual, events: [world.event('a')] })
      await world.append(store, { ...eventual, events: [world.event('a'), world.event('b', 900)] })
      await world.history.flush(store)
      await world.append(store, { ...eventual, events: [world.event('a')] })
      await world.append(store, { events: [world.event('b')] })
      await world.append(store, { ...eventual, events: [world.event('c')] })
      await store.close()
    },
  },
  {
    name: 'rotate',
    async run(world) {
      const store = await world.open()
      for (let wave = 0; wave < 4; wave++) {
        await world.appendAll(store, ['a', `s${wave}`, 'b', 'a'], 400)
        await world.append(store, {
          events: [world.event('a', 500), world.event('c', 500)],
          command: { id: `c${wave}`, digest: '0' },
          agenda: [{ id: `due${wave % 2}`, due: 100 + wave }],
        })
      }
      await store.close()
    },
  },
  {
    name: 'reopen',
    async run(world) {
      for (let round = 0; round < 3; round++) {
        const store = await world.open()
        await world.appendAll(store, ['a', 'b', `only${round}`], 600)
        if (round === 1) await world.rest(store)
        await world.appendAll(store, ['a', 'b'], 300)
        await store.close()
      }
    },
  },
  {
    name: 'reopen after crashes',
    async run(world) {
      let seed = 0
      for (const model of ['process', 'adversarial', 'ext4', 'process'] as const) {
        const store = await world.open()
        await world.check(store)
        await world.appendAll(store, ['a', 'b', 'a'], 500)
        void world.appendAll(store, ['c', 'b', 'a'], 300)
        await Promise.resolve()
        world.crash({ seed: ++seed, model })
      }
      const store = await world.open()
      await world.check(store)
      await store.close()
    },
  },
  {
    name: 'takeover',
    async run(world) {
      const stopped = await world.open()
      await world.appendAll(stopped, ['a', 'b'])
      const refused = await world.open().catch((error: unknown) => error)
      if (world.simulated.dead) return
      expectThat(isHoldfastError(refused, 'LOCKED'), 'a second writer was let in')
      const next = await world.open({ takeover: true })
      await world.appendAll(next, ['a', 'c'], 500)
      const late = await stopped
        .append({ events: [world.event('late')], durability: 'sync' })
        .catch((error: unknown) => error)
      if (world.simulated.dead) return
      expectThat(isHoldfastError(late, 'SUPERSEDED', 'INDETERMINATE'), 'a superseded writer got an acknowledgement')
      const later = await stopped
        .append({ events: [world.event('late')], durability: 'sync' })
        .catch((error: unknown) => error)
      expectThat(isHoldfastError(later, 'SUPERSEDED'), 'a superseded writer went on')
      const again = await stopped.reopen().catch((error: unknown) => error)
      if (world.simulated.dead) return
      expectThat(isHoldfastError(again, 'SUPERSEDED'), 'a superseded writer was opened again')
      await world.appendAll(next, ['a', 'c'], 500)
      await next.close()
    },
  },
  {
    name: 'reader beside',
    async run(world) {
      const store = await world.open()
      await world.appendAll(store, ['a', 'b'])
      const reader = await world.open({ readOnly: true })
      for (let wave = 0; wave < 3; wave++) {
        await world.appendAll(store, ['a', 'b', 'c'], 600)
        await reader.refresh()
        expectThat(reader.head().position <= store.head().position, 'a reader saw more than is durable')
        for await (const page of reader.read({ select: { kind: 'all' }, direction: 'forward' }))
          expectThat(page.length > 0, 'an empty page')
      }
      await reader.close()
      await store.close()
    },
  },
  {
    name: 'reopen after a failed write',
    async run(world) {
      const failAt = [9, 12, 21]
      let operations = 0
      world.wrap = (disk) =>
        faultyDisk(disk, {
          at: 1,
          times: 'forever',
          fault: 'EIO',
          only: ({ op, path }) =>
            (op === 'write' || op === 'sync') && path.startsWith('segments/') && failAt.includes(++operations),
        })
      const store = await world.open()
      for (let wave = 0; wave < 12; wave++) {
        const [first] = await Promise.all([
          world.append(store, { events: [world.event('a', 100)] }),
          world.append(store, { events: [world.event('b', 10)] }),
        ])
        if (!(first instanceof Error) || world.simulated.dead) continue
        // Recovery can fail in its turn, and can be tried again.
        await store.reopen().catch(() => store.reopen())
        await world.check(store)
      }
      await store.close()
    },
  },
  {
    name: 'retention',
    async run(world) {
      const store = await world.open()
      for (let wave = 0; wave < 4; wave++) await world.appendAll(store, ['a', 'b', `old${wave}`], 500)
      await world.append(store, { events: [world.event('b')], pins: [{ pin: 'p', stream: 'b', from: 3 }] })
      await world.check(store)
      const first = world.history.remove(({ stream, seq }) => stream === 'a' && seq < 4)
      await store.retain({ streams: [{ stream: 'a', before: 4 }] }, { dryRun: false })
      first.fate = 'done'
      await world.appendAll(store, ['a', 'b'], 500)
      const second = world.history.remove(({ stream, seq }) => (stream === 'b' && seq < 3) || stream === 'old1')
      await store.retain(
        {
          streams: [
            { stream: 'b', before: 5 },
            { stream: 'old1', before: 'all' },
          ],
        },
        { dryRun: false },
      )
      second.fate = 'done'
      await world.appendAll(store, ['old1', 'b'], 500)
      await store.close()
      const again = await world.open()
      await world.check(again)
      await again.close()
    },
  },
  {
    name: 'blobs',
    segmentBytes: 16_384,
    async run(world) {
      const store = await world.open()
      const [small, large] = [Buffer.alloc(900, 1), Buffer.from('0123456789abcdef'.repeat(1_400))]
      await world.append(store, { events: [await world.blobEvent(store, 'a', [small])] })
      await world.append(store, { events: [await world.blobEvent(store, 'b', [large, small])] })
      // The same content again, and content that no append ever names.
      await store.stageBlob(Buffer.alloc(6_000, 7))
      await Promise.all([
        world.append(store, { events: [await world.blobEvent(store, 'c', [large]), world.event('a')] }),
        world.append(store, { events: [world.event('a', 12_000)] }),
      ])
      await world.check(store)
      const removal = world.history.remove(({ stream }) => stream === 'blobs/b' || stream === 'blobs/c')
      await store.retain(
        {
          streams: [
            { stream: 'blobs/b', before: 'all' },
            { stream: 'blobs/c', before: 'all' },
          ],
        },
        { dryRun: false },
      )
      removal.fate = 'done'
      await world.append(store, { events: [await world.blobEvent(store, 'd', [large])] })
      await store.close()
    },
  },
  {
    name: 'backup',
    segmentBytes: 8_192,
    async run(world) {
      const store = await world.open()
      await world.appendAll(store, ['a', 'b', 'a'], 900)
      await world.append(store, { events: [await world.blobEvent(store, 'b', [Buffer.alloc(5_000, 3)])] })
      await Promise.all([store.backup('first', {}), world.appendAll(store, ['a', 'b'], 900)])
      await world.appendAll(store, ['a', 'b', 'c'], 900)
      await store.backup('second', {})
      await world.check(store)
      await store.close()
    },
  },
  {
    name: 'inbox',
    async run(world) {
      const store = await world.open()
      await world.append(store, { events: [world.event('a')] })
      await world.submit('first', { events: [world.event('a'), world.event('b')] })
      await world.submit('second', { events: [world.event('a', 3_000)] })
      if (world.simulated.dead) return
      // Refused by the owner, and sent again although it was applied.
      await world.submit('late', { events: [world.event('a')], expect: new Map([['a', 1]]) })
      await world.append(store, { events: [world.event('b')] })
      await store.close()
    },
  },
  {
    name: 'forgetting',
    async run(world) {
      const store = await world.open()
      for (let count = 0; count < 4; count++) {
        await world.append(store, {
          events: [world.event('a', 700)],
          command: { id: `c${count}`, digest: '0' },
          agenda: [{ id: `due${count % 2}`, due: count % 2 === 0 ? 100 + count : null }],
          pins: [{ pin: 'p', from: count + 1 }],
        })
        world.clock.advance(1_000)
      }
      await world.append(store, { events: [world.event('a')], releases: [{ stream: 'a' }] })
      await world.check(store)
      await store.close()
      const again = await world.open()
      await world.appendAll(again, ['a', 'b'], 1_500)
      await world.append(again, { events: [world.event('b')], pins: [{ pin: 'p', from: null }] })
      await again.close()
    },
  },
]
