// What a process is told that was stopped while another one took its journal over.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../../disks/disk.ts'
import type { DiskCall } from '../../disks/disk-call.ts'
import { faultyDisk } from '../../disks/faulty-disk.ts'
import { SimulatedDisk } from '../../disks/simulated-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { FileStore } from './file-store.ts'
import { openFileStore } from './open-file-store.ts'

function openOn(disk: Disk, takeover: boolean): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, takeover })
}

describe('a process whose journal was taken over', () => {
  it('is told so when its successor has moved what it reads, and not that there is damage', async () => {
    const { disk } = new SimulatedDisk()
    // Its durable place is not published, so that the successor can't know that the event is durable.
    const only = ({ op, path }: DiskCall): boolean => op === 'write' && path === 'durable'
    const former = await openOn(faultyDisk(disk, { at: 1, times: 'forever', fault: 'EIO', only }), false)
    const event = { stream: 's', type: 't', version: 1, data: '1' }
    await former.append({ events: [event], durability: 'sync' })
    const next = await openOn(disk, true)
    const all = { select: { kind: 'all' }, direction: 'forward' } as const
    await expect(readEvents(former, all)).rejects.toMatchObject({ code: 'SUPERSEDED' })
    expect(await readEvents(next, all)).toHaveLength(1)
    await next.close()
  })
})
