// What lies in the directory beside the log, and what the disk answers when it is looked at.

import { describe, expect, it } from 'vitest'
import { bodySum, hex8 } from '../../core/record.ts'
import type { Disk } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'
import type { VerifyReport } from '../../stores/store.ts'
import { alteredDisk, alteredFile } from '../../testing/altered-disk.ts'
import { forgedEvent, forgedJournal } from '../../testing/forged-log.ts'
import { diskOf, putFile, segmentsOf, withFile } from '../../testing/sample-journal.ts'
import { verifyDirectory } from '../verify.ts'

const files = forgedJournal([{ lines: [forgedEvent(1)] }, { lines: [forgedEvent(2)] }])
const [first = '', newest = ''] = segmentsOf(files)

function told({ findings }: VerifyReport): readonly string[] {
  return findings.map(({ severity, kind, file }) => `${severity} ${kind} ${file}`).sort()
}

/** A disk on which opening a path fails from the given time on. */
function failing(disk: Disk, path: string, code: string, fromTime: number = 1): Disk {
  let times = 0
  return alteredDisk(disk, {
    open: (name, options) =>
      name === path && ++times >= fromTime ? Promise.reject(diskError(code, 'open', name)) : disk.open(name, options),
  })
}

describe('the directory of a journal', () => {
  it('holds directories where directories must be, and files where files must be', async () => {
    const disk = await diskOf(files)
    await putFile(disk, 'index', Buffer.from('x'))
    await putFile(disk, 'set-aside', Buffer.from('x'))
    await disk.makeDirectory('owner.json')
    const report = await verifyDirectory(disk, {})
    expect(told(report)).toEqual([
      'damage not-a-directory index',
      'damage not-a-directory set-aside',
      'damage not-a-file owner.json',
    ])
    expect(report.findings.every(({ repair }) => repair === 'foreign')).toBe(true)
  })

  it('holds nothing else, nor do its folders', async () => {
    const disk = await diskOf(files)
    await putFile(disk, 'index/letter', Buffer.from('x'))
    await putFile(disk, 'state/00000001.table.part', Buffer.from('x'))
    await putFile(disk, 'fences/notes.txt', Buffer.from('x'))
    await disk.makeDirectory('state/00000009.table')
    await disk.makeDirectory('state/old.part')
    await putFile(disk, 'set-aside/copy', Buffer.from('x'))
    expect(told(await verifyDirectory(disk, {}))).toEqual([
      'note leftover state/00000001.table.part',
      'note set-aside set-aside/copy',
      'warning foreign-file fences/notes.txt',
      'warning foreign-file index/letter',
      'warning foreign-file state/00000009.table',
      'warning foreign-file state/old.part',
    ])
  })

  it('holds the fence that the log names', async () => {
    const fenced = forgedJournal([{ lines: [forgedEvent(1)], header: { fence: 3 } }])
    expect(told(await verifyDirectory(await diskOf(fenced), {}))).toEqual(['warning fence-missing fences'])
    const behind = await diskOf(withFile(fenced, 'fences/00000002.json', Buffer.from('{}')))
    expect(told(await verifyDirectory(behind, {}))).toEqual(['warning fence-missing fences'])
    const there = await diskOf(withFile(fenced, 'fences/00000003.json', Buffer.from('{}')))
    expect(told(await verifyDirectory(there, {}))).toEqual([])
  })

  it('holds its identity', async () => {
    const missing = await verifyDirectory(await diskOf(withFile(files, 'journal.json', undefined)), {})
    expect(told(missing)).toEqual(['damage identity-missing journal.json'])
    const body = '{"holdfast":1,oops'
    const noJson = Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"}\n`)
    for (const bytes of [noJson, Buffer.from('{}'), Buffer.alloc(5_000, 0x20)]) {
      const report = await verifyDirectory(await diskOf(withFile(files, 'journal.json', bytes)), {})
      expect(told(report)).toEqual(['damage identity-damaged journal.json'])
    }
    const unread = await verifyDirectory(failing(await diskOf(files), 'journal.json', 'EIO'), {})
    expect(told(unread)).toEqual(['damage io-error journal.json'])
    expect(unread.events).toBe(2)
  })

  it('can be listed', async () => {
    const disk = await diskOf(files)
    const list = (path: string) => (path === 'index' ? Promise.reject(diskError('EIO', 'list', path)) : disk.list(path))
    expect(told(await verifyDirectory(alteredDisk(disk, { list }), {}))).toEqual(['damage io-error index'])
  })
})

describe('a segment', () => {
  it('that goes away between listing and opening is told as missing', async () => {
    const report = await verifyDirectory(failing(await diskOf(files), first, 'ENOENT'), {})
    expect(report.findings[0]).toMatchObject({ kind: 'segment-missing', file: first, repair: 'cut' })
    expect(report.events).toBe(1)
  })

  it('that can be read no longer behind its header is told, the newest as any other', async () => {
    for (const path of [first, newest]) {
      const report = await verifyDirectory(failing(await diskOf(files), path, 'EIO', 2), {})
      expect(told(report), path).toEqual([`damage io-error ${path}`])
      expect(report.events).toBe(1)
    }
  })

  it('that became shorter while it is read is damage', async () => {
    const disk = await diskOf(files)
    const shrunk = alteredDisk(disk, {
      open: async (path, options) => {
        const file = await disk.open(path, options)
        const bytes = await file.size()
        if (path !== first) return file
        return alteredFile(file, { read: (into, at) => file.read(into.subarray(0, Math.max(0, bytes - 5 - at)), at) })
      },
    })
    const report = await verifyDirectory(shrunk, {})
    expect(report).toMatchObject({ ok: false, findings: [{ file: first, kind: 'line-checksum' }] })
  })
})
