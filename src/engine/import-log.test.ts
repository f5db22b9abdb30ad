import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import type { ImportRecord } from '../stores/store.ts'
import { forgedControl, forgedEvent, forgedIds } from '../testing/forged-log.ts'
import { openSample } from '../testing/sample-journal.ts'
import { sha256 } from './chunk-files.ts'
import { readIdentity } from './identity.ts'
import { importLog } from './import-log.ts'
import { verifyDirectory } from './verify.ts'

/** Into one segment, unless the records are more than that holds. */
async function importAll(disk: Disk, pages: readonly (readonly ImportRecord[])[]): Promise<void> {
  const identity = { ...forgedIds, created: 1 }
  await importLog({ disk, identity, segmentBytes: limits.segmentBytes }, sourceOf(pages))
}

async function* sourceOf(pages: readonly (readonly ImportRecord[])[]): AsyncGenerator<readonly ImportRecord[]> {
  yield* pages
}

function eventRecord(position: number, fields: Readonly<Record<string, unknown>> = {}): ImportRecord {
  return { event: { text: `${forgedEvent(position, fields)}}`, sum: '00000000' } }
}

function blobRecord(content: Buffer): ImportRecord {
  const control = { control: 'blob', digest: sha256(content), bytes: content.length, data: content.toString('base64') }
  return { control: `${forgedControl(control)}}` }
}

describe('import', () => {
  it('lays out events that fill more than one piece of what is written, and one that is larger than a piece', async () => {
    const lengths = [1_000_000, 900_000, 3_500_000, 10, 2_000_000, 700_000]
    const records = lengths.map((length, index) => eventRecord(index + 1, { data: 'äx'.repeat(length / 3) }))
    const disk = memoryDisk()
    await importAll(disk, [records])
    expect((await verifyDirectory(disk, {})).findings).toEqual([])
    const store = await openSample(disk)
    const read: string[] = []
    for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward', withText: true }))
      for (const item of page) read.push('text' in item ? String(item.text) : 'removed')
    expect(read).toEqual(records.map(({ event }) => event?.text))
    await store.close()
  })

  it('refuses a batch that is larger than any can be, and leaves no journal', async () => {
    const more = { more: true }
    const largest = Array.from({ length: limits.batchEventsMax - 1 }, (_, index) => eventRecord(index + 1, more))
    const whole = memoryDisk()
    await importAll(whole, [[...largest, eventRecord(limits.batchEventsMax)]])
    expect((await verifyDirectory(whole, {})).findings).toEqual([])

    const disk = memoryDisk()
    const next = [eventRecord(limits.batchEventsMax, more), eventRecord(limits.batchEventsMax + 1)]
    await expect(importAll(disk, [largest, next])).rejects.toMatchObject({
      code: 'IMPORT_INVALID',
      details: { index: limits.batchEventsMax - 1 },
    })
    expect(await readIdentity(disk)).toBeUndefined()
  })

  it('refuses a blob that comes twice, and leaves no journal', async () => {
    const disk = memoryDisk()
    const records = [blobRecord(Buffer.from('once')), blobRecord(Buffer.from('other')), blobRecord(Buffer.from('once'))]
    await expect(importAll(disk, [records])).rejects.toMatchObject({ code: 'IMPORT_INVALID', details: { index: 2 } })
    expect(await readIdentity(disk)).toBeUndefined()
  })
})
