// A reader process exports while the writer goes on: what retention takes under it is told as that, and not as damage.

import { expect, it } from 'vitest'
import type { Disk } from '../../disks/disk.ts'
import { faultyDisk } from '../../disks/faulty-disk.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { bytesOf, filesOf, flipped, putFile, segmentsOf } from '../../testing/sample-journal.ts'
import { appendTo, openSmall } from '../../testing/small-segments.ts'
import type { ImportRecord, Store } from '../store.ts'
import type { FileStore } from './file-store.ts'

/** A blob comes first in an export, so that a test can stop it before the first event. */
async function journal(disk: Disk): Promise<FileStore> {
  const store = await openSmall(disk)
  const { digest } = await store.stageBlob(Buffer.from('what comes first'))
  const event = { stream: 'kept', type: 't', version: 1, data: 'null', blobs: [digest] }
  await store.append({ events: [event], durability: 'sync' })
  await appendTo(store, 'gone', 60)
  await appendTo(store, 'kept', 60)
  await appendTo(store, 'late', 1)
  return store
}

/** Exports, and does something when the first page was taken. */
async function exportWhile(reader: Store, work: () => Promise<unknown>): Promise<readonly ImportRecord[]> {
  const records: ImportRecord[] = []
  for await (const page of reader.dump()) {
    if (records.length === 0) await work()
    records.push(...page)
  }
  return records
}

it.each([
  ['rewrote segments', 'kept', 30],
  ['made one segment of several', 'gone', 'all'],
] as const)('an export whose writer %s meanwhile can be made again', async (_what, stream, before) => {
  const disk = memoryDisk()
  const store = await journal(disk)
  const reader = await openSmall(disk, { readOnly: true })
  const retain = () => store.retain({ streams: [{ stream, before }] }, { dryRun: false })
  await expect(exportWhile(reader, retain)).rejects.toMatchObject({ code: 'RETAINED' })
  await reader.refresh()
  const records: ImportRecord[] = []
  for await (const page of reader.dump()) records.push(...page)
  const written: ImportRecord[] = []
  for await (const page of store.dump()) written.push(...page)
  expect(records).toEqual(written)
  await reader.close()
  await store.close()
})

it('an export has what the newest segment held, also when the writer rewrites that meanwhile', async () => {
  const disk = memoryDisk()
  const store = await journal(disk)
  const reader = await openSmall(disk, { readOnly: true })
  const before: ImportRecord[] = []
  for await (const page of reader.dump()) before.push(...page)
  const retain = () => store.retain({ streams: [{ stream: 'late', before: 'all' }] }, { dryRun: false })
  expect(await exportWhile(reader, retain)).toEqual(before)
  await reader.close()
  await store.close()
})

it('an export that meets damage says so, beside a writer as well', async () => {
  const disk = memoryDisk()
  const store = await journal(disk)
  const reader = await openSmall(disk, { readOnly: true })
  const [, path = ''] = segmentsOf(await filesOf(disk))
  const damage = async () => {
    const bytes = await bytesOf(disk, path)
    await putFile(disk, path, flipped(bytes, bytes.indexOf(0x0a) + 100, 1))
  }
  await expect(exportWhile(reader, damage)).rejects.toMatchObject({ code: 'DAMAGED', details: { file: path } })
  await reader.close()
  await store.close()
})

it('an export whose disk fails is told that', async () => {
  const disk = memoryDisk()
  const store = await journal(disk)
  const failing = { now: false }
  const only = ({ op }: { readonly op: string }): boolean => failing.now && op === 'read'
  const faulty = faultyDisk(disk, { at: 1, times: 'forever', fault: 'EIO', only })
  const reader = await openSmall(faulty, { readOnly: true })
  const fail = async () => {
    failing.now = true
  }
  await expect(exportWhile(reader, fail)).rejects.toMatchObject({ code: 'IO' })
  await reader.close()
  await store.close()
})
