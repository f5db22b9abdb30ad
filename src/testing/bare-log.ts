// A new log with its blobs and without a store around it, for tests of what the store puts in order.

import type { Disk } from '../disks/disk.ts'
import { Blobs } from '../engine/blobs.ts'
import { createLog } from '../engine/create-log.ts'
import { FileLog } from '../stores/file/file-log.ts'
import type { Batch } from '../stores/store.ts'
import { fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export async function openBareLog(disk: Disk): Promise<{ readonly log: FileLog; readonly blobs: Blobs }> {
  const clock = fakeClock()
  const identity = await createLog(disk, { clock, random: seededRandom(1), fence: 1 })
  const blobs = new Blobs(disk)
  const nothing = (): void => undefined
  const events = { durable: nothing, failed: nothing, covered: nothing }
  const log = await FileLog.open({ disk, clock, identity, fence: 1, segmentBytes: 65_536, blobs, events })
  return { log, blobs }
}

/** One event that names the blob. */
export function naming(digest: string, stream: string = 's'): Batch {
  return { events: [{ stream, type: 't', version: 1, data: 'null', blobs: [digest] }], durability: 'sync' }
}
