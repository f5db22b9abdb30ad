// What is told of the state beside the events survives a power cut, also when it came about while the question waited.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { SimulatedDisk } from '../../disks/simulated-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { Batch, Store } from '../store.ts'
import { openFileStore } from './open-file-store.ts'

const change: Batch = {
  events: [{ stream: 'later', type: 't', version: 1, data: '1' }],
  command: { id: 'later', digest: '0'.repeat(64) },
  agenda: [{ id: 'later', due: 1 }],
  leases: [{ lease: 'later', op: 'acquire', owner: 'me', ttlMs: 1_000 }],
  pins: [{ pin: 'later', from: 1 }],
  durability: 'sync',
}

function release(id: string): Batch {
  const command = { id, digest: '1'.repeat(64) }
  return { events: [], releases: [{ stream: 's' }], command, durability: 'sync' }
}

async function streamNames(store: Store): Promise<readonly string[]> {
  const names: string[] = []
  for await (const page of store.streams({})) for (const { stream } of page) names.push(stream)
  return names.filter((name) => name === 'later')
}

type Question = readonly [what: string, ask: (store: Store) => Promise<unknown>]

const questions: readonly Question[] = [
  ['a command', (store) => store.command('later')],
  ['a lease', (store) => store.lease('later')],
  ['the agenda', (store) => store.agenda({})],
  ['pins', (store) => store.pins()],
  ['a stream', (store) => store.stream('later')],
  ['streams', streamNames],
]

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await nextTurn()
}

/** Each of its writes waits, from `shut` to `open`. */
async function gated() {
  let open = (): void => undefined
  let gate: Promise<void> = Promise.resolve()
  const disk = new SimulatedDisk({ latency: () => gate })
  const process = { pid: 1, host: 'test' }
  const store = await openFileStore({ disk: disk.disk, clock: fakeClock(), random: seededRandom(1), process })
  const shut = (): void => {
    gate = new Promise((resolve) => {
      open = resolve
    })
  }
  return { store, shut, open: () => open() }
}

describe('state that is on its way to the disk', () => {
  it.each(questions)('is told when it is there: %s', async (_what, ask) => {
    const { store, shut, open } = await gated()
    shut()
    const appended = store.append(change)
    await turns()
    let told: unknown = 'nothing'
    const asked = ask(store).then((answer) => {
      told = answer
    })
    await turns()
    expect(told).toBe('nothing')
    open()
    await Promise.all([appended, asked])
    expect(told).toEqual(await ask(store))
    await store.close()
  })

  it.each(questions)('is not told yet: %s', async (_what, ask) => {
    const { store, shut, open } = await gated()
    let later: Promise<unknown> | undefined
    const before = await ask(store)

    // One write is on its way, the question waits behind the next one, and the change comes with the one behind that.
    shut()
    const first = store.append(release('first'))
    await turns()
    const second = store.append(release('second'))
    let told: unknown = 'nothing'
    const asked = ask(store).then((answer) => {
      told = answer
    })
    await turns()
    for (const write of [first, second]) {
      open()
      shut()
      await write
      if (write === first) later = store.append(change)
      await turns()
    }
    if (told !== 'nothing') expect(told).toEqual(before)
    open()
    await Promise.all([asked, later])
    expect(await ask(store)).not.toEqual(before)
    await store.close()
  })
})
