// Stores that append, judge or remember wrongly.

import { HoldfastError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Batch, Store } from '../../src/stores/store.ts'
import { appending, type WrongStore, wrong } from './wrong-store.ts'

async function expectationHolds(store: Store, batch: Batch): Promise<boolean> {
  for (const [stream, seq] of batch.expect ?? []) if (((await store.stream(stream))?.seq ?? 0) !== seq) return false
  return true
}

export const wrongAppends: readonly WrongStore[] = [
  {
    group: 'numbers after retention',
    wrong: 'gives numbers out again once everything was removed',
    make(options) {
      let inner = memoryStore(options)
      return new Proxy(inner, {
        get(_target, key) {
          if (key === 'retain') {
            return async (...given: Parameters<Store['retain']>) => {
              const report = await inner.retain(...given)
              const { earliest, position } = inner.head()
              if (!report.dryRun && earliest > position) inner = memoryStore(options)
              return report
            }
          }
          const value: unknown = Reflect.get(inner, key, inner)
          return typeof value === 'function' ? value.bind(inner) : value
        },
      })
    },
  },
  appending('command ids', 'judges a repeated command by its expectation', async (right, batch) => {
    if (batch.command === undefined || (await expectationHolds(right, batch))) return right.append(batch)
    throw new HoldfastError('SEQ_CONFLICT', 'somebody appended in between')
  }),
  appending('expected seqs', 'looks at the first expectation only', (right, batch) =>
    right.append(batch.expect === undefined ? batch : { ...batch, expect: new Map([...batch.expect].slice(0, 1)) }),
  ),
  appending('expected seqs', 'ignores expectations', (right, batch) => right.append({ ...batch, expect: new Map() })),
  appending('expected seqs', 'ignores an expectation of 0', (right, batch) =>
    right.append({ ...batch, expect: new Map([...(batch.expect ?? [])].filter(([, seq]) => seq !== 0)) }),
  ),
  appending('atomicity', 'changes the agenda although it refuses', async (right, batch) => {
    try {
      return await right.append(batch)
    } catch (error) {
      if (batch.agenda !== undefined) {
        await right.append({ events: [], agenda: batch.agenda, durability: 'sync' })
      }
      throw error
    }
  }),
  appending('atomicity', 'takes leases although it refuses', async (right, batch) => {
    try {
      return await right.append(batch)
    } catch (error) {
      for (const change of batch.leases ?? []) {
        await right.append({ events: [], leases: [change], durability: 'sync' }).catch(() => undefined)
      }
      throw error
    }
  }),
  appending('append', 'writes a batch event by event', async (right, batch) => {
    for (const event of batch.events.slice(0, -1)) await right.append({ events: [event], durability: 'sync' })
    return right.append({ ...batch, events: batch.events.slice(-1) })
  }),
  appending('command ids', 'does not mark a repetition', async (right, batch) => ({
    ...(await right.append(batch)),
    duplicate: false,
  })),
  appending('command ids', 'takes other content under a known id for a repetition', (right, batch) =>
    right.append(batch.command === undefined ? batch : { ...batch, command: { ...batch.command, digest: 'same' } }),
  ),
  appending('command ids', 'answers a repetition with the newest position', async (right, batch) => {
    const receipt = await right.append(batch)
    return receipt.duplicate ? { ...receipt, position: right.head().position } : receipt
  }),
  appending('atomicity', 'remembers a command id although it refuses', async (right, batch) => {
    try {
      return await right.append(batch)
    } catch (error) {
      if (batch.command !== undefined) {
        const agenda = [{ id: 'none', due: null }]
        await right.append({ events: [], agenda, command: batch.command, durability: 'sync' })
      }
      throw error
    }
  }),
  appending('durability', 'calls an eventual append durable', async (right, batch) => ({
    ...(await right.append(batch)),
    durable: true,
  })),
  wrong('durability', 'waits with a flush for what comes later, too', (right) => ({
    async flush() {
      for (let before = -1; before !== right.head().appended; ) {
        before = right.head().appended
        await new Promise((resolve) => setImmediate(resolve))
      }
      await right.flush()
    },
  })),
  // Without its fences it is refused for what it expects, if it is refused for that.
  appending('fences', 'judges expectations before fences', async (right, batch) => {
    const { fences, expect } = batch
    if (fences === undefined || expect === undefined) return right.append(batch)
    for (const [stream, seq] of expect) {
      if (((await right.stream(stream))?.seq ?? 0) !== seq) return right.append({ ...batch, fences: [] })
    }
    return right.append(batch)
  }),
  appending('fences', 'ignores fences', (right, batch) => right.append({ ...batch, fences: [] })),
  appending('pins', 'ignores the pins of a batch', (right, batch) => right.append({ ...batch, pins: [] })),
  appending('pins', 'makes every pin hard', (right, batch) =>
    right.append({ ...batch, pins: (batch.pins ?? []).map(({ ttlMs: _ttl, ...pin }) => pin) }),
  ),
  appending('append', 'appends in random order', async (right, batch) => {
    if (batch.events.length % 2 === 1) await Promise.resolve()
    return right.append(batch)
  }),
  appending('releases', 'forgets what a batch released', (right, batch) => right.append({ ...batch, releases: [] })),
]
