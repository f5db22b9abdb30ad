// What tests of the inbox share: a journal in memory that survives whatever happens to the disk, as a durable one would,
// and commands for it.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { digestBatch } from '../core/digest.ts'
import type { Disk } from '../disks/disk.ts'
import { type CommandBatch, commandName, commandPath, encodeCommand } from '../engine/inbox-command.ts'
import { ensureDirectory, listNames, writeWholeFile } from '../engine/whole-file.ts'
import { type MemoryStore, memoryStore } from '../stores/memory.ts'
import type { Batch } from '../stores/store.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export interface InboxScene {
  readonly clock: FakeClock
  readonly store: MemoryStore
  /** The data of all events, in order. */
  stored(): Promise<readonly unknown[]>
}

export function inboxScene(): InboxScene {
  const clock = fakeClock()
  const store = memoryStore({ clock, random: seededRandom(1) })
  return {
    clock,
    store,
    async stored() {
      const data: unknown[] = []
      for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) {
        for (const item of page) if (!('removed' in item)) data.push(item.data)
      }
      return data
    },
  }
}

/** Appends one event with this data to the stream 's'. */
export function command(id: string, data: unknown = id, more: Partial<Batch> = {}): CommandBatch {
  const events = [{ stream: 's', type: 't', version: 1, data: JSON.stringify(data) }]
  const batch = { events, durability: 'sync' as const, ...more }
  return { ...batch, command: { id, digest: digestBatch(batch) } }
}

/** Puts a command into the inbox, as a sender would at this time. Returns its name. */
export async function queueCommand(disk: Disk, batch: CommandBatch, time: number): Promise<string> {
  const name = commandName(batch.command.id, { time, unique: '0123456789abcdef' })
  await ensureDirectory(disk, 'inbox')
  await writeWholeFile(disk, commandPath(name), encodeCommand(batch))
  return name
}

export async function inboxFiles(disk: Disk): Promise<readonly string[]> {
  return [...(await listNames(disk, 'inbox'))].sort()
}

/** More turns than the operations of any scene: the simulated disk answers each in a turn of its own. */
const settleTurns = 250

/** Lets everything happen that waits for no clock. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < settleTurns; turn++) await nextTurn()
}
