// A file store whose segments hold nine events or so, for tests of what spans several segments.

import type { Disk } from '../disks/disk.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { EncodedEvent, ReadItem } from '../stores/store.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export function openSmall(
  disk: Disk,
  options: { readonly clock?: FakeClock; readonly readOnly?: boolean; readonly segmentBytes?: number } = {},
): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  const { clock = fakeClock(), segmentBytes = 4_096, readOnly = false } = options
  return openFileStore({ disk, clock, random: seededRandom(1), process, readOnly, segmentBytes })
}

/** `count` events of a stream, of a good 400 bytes each unless told otherwise. */
export async function appendTo(store: FileStore, stream: string, count: number, bytes: number = 300): Promise<void> {
  for (let n = 0; n < count; n++) await store.append({ events: [paddedEvent(stream, bytes)], durability: 'sync' })
}

export function paddedEvent(stream: string, bytes: number = 300): EncodedEvent {
  return { stream, type: 't', version: 1, data: JSON.stringify('x'.repeat(bytes)) }
}

/** What a read gives, in short: an event's position, a removed range as [from, to]. */
export async function placesIn(items: AsyncIterable<readonly ReadItem[]>): Promise<readonly (number | number[])[]> {
  const places: (number | number[])[] = []
  for await (const page of items)
    for (const item of page) places.push('removed' in item ? [item.removed.from, item.removed.to] : item.position)
  return places
}
