// A journal in files on a disk that a test holds in its hand: one that loses power, fails on order, or lies in memory. It
// is the file store that open() gives, with time and ids that are the same in every run.

import type { EventDefinitions } from '../core/schema.ts'
import type { Disk } from '../disks/disk.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { NoDefinitions } from '../journal/event.ts'
import { createJournal, type Journal, type JournalOptions } from '../journal.ts'
import { type FileOpenOptions, openFileStore } from '../stores/file/open-file-store.ts'
import { fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export type JournalOnOptions<D extends EventDefinitions = NoDefinitions> = Omit<JournalOptions<D>, 'target' | 'files'> &
  Pick<FileOpenOptions, 'readOnly' | 'takeover' | 'create' | 'segmentBytes'> & { readonly random?: Random }

export async function journalOn<const D extends EventDefinitions = NoDefinitions>(
  disk: Disk,
  options: JournalOnOptions<D> = {},
): Promise<Journal<D>> {
  const clock: Clock = options.clock ?? fakeClock()
  const { random = seededRandom(1), readOnly, takeover, create, segmentBytes } = options
  const process = { pid: 1, host: disk.label }
  const store = await openFileStore({ disk, clock, random, process, readOnly, takeover, create, segmentBytes })
  return createJournal<D>(store, { ...options, clock, target: disk.label })
}
