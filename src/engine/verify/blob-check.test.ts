// Blobs against a log: what records say of them, where their files are, and which of it matters.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Disk } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'
import { alteredDisk } from '../../testing/altered-disk.ts'
import { type ForgedSegment, forgedControl, forgedEvent, forgedJournal } from '../../testing/forged-log.ts'
import { diskOf, putFile, segmentsOf } from '../../testing/sample-journal.ts'
import { verifyDirectory } from '../verify.ts'
import { checkBlobs } from './blob-check.ts'
import { Findings } from './findings.ts'
import { LogFold } from './log-fold.ts'
import { Pace } from './pace.ts'

function digestOf(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

function pathOf(content: string): string {
  return `blobs/${digestOf(content).slice(0, 2)}/${digestOf(content)}`
}

/** A record of a blob of these chunks; what it is said to be can be something else. */
function blobRecord(chunks: readonly string[], whole: string = chunks.join('')): string {
  const list = chunks.map((chunk) => [digestOf(chunk), chunk.length])
  return forgedControl({ control: 'blob', digest: digestOf(whole), bytes: chunks.join('').length, chunks: list })
}

const naming = (content: string, position: number = 1) => forgedEvent(position, { blobs: [digestOf(content)] })

async function told(disk: Disk): Promise<readonly string[]> {
  const { findings } = await verifyDirectory(disk, {})
  return findings.map(({ severity, kind, file }) => `${severity} ${kind} ${file}`)
}

async function diskWith(lines: ForgedSegment['lines'], chunks: readonly string[]): Promise<Disk> {
  const disk = await diskOf(forgedJournal([{ lines }]))
  for (const chunk of chunks) await putFile(disk, pathOf(chunk), Buffer.from(chunk))
  return disk
}

describe('a blob', () => {
  it('of many chunks is whole when all are there', async () => {
    const chunks = Array.from({ length: 700 }, (_, number) => `chunk ${number}`)
    const record = blobRecord(chunks)
    expect(record.length).toBeGreaterThan(16_384)
    const disk = await diskWith([record, naming(chunks.join(''))], chunks)
    expect(await verifyDirectory(disk, {})).toMatchObject({ blobs: 1, findings: [] })
  })

  it('that an event names and the log has no record of is missing', async () => {
    const disk = await diskWith([naming('lost')], [])
    const path = segmentsOf(forgedJournal([{ lines: [] }]))[0]
    expect(await told(disk)).toEqual([`damage blob-missing ${path}`])
  })

  it('whose chunks together are something else is damaged', async () => {
    const disk = await diskWith([blobRecord(['a', 'b'], 'other'), naming('other')], ['a', 'b'])
    expect(await told(disk)).toEqual(['damage blob-damaged blobs'])
  })

  it('whose chunk can not be read is damaged; what is not the doing of the disk is thrown on', async () => {
    const disk = await diskWith([blobRecord(['a', 'b']), naming('ab')], ['a', 'b'])
    const failing = (error: unknown) =>
      alteredDisk(disk, {
        open: (path, options) => (path === pathOf('b') ? Promise.reject(error) : disk.open(path, options)),
      })
    expect(await told(failing(diskError('EIO', 'open', 'b')))).toEqual([`damage blob-damaged ${pathOf('b')}`])
    await expect(told(failing(new TypeError('defect')))).rejects.toThrow(TypeError)
  })

  it('in trouble that only events name which nobody can read any more is no damage', async () => {
    const retain = forgedControl({ control: 'retain', time: 5, before: 2 })
    const lines = [blobRecord(['a']), naming('a'), forgedEvent(2), retain]
    expect(await told(await diskWith(lines, []))).toEqual([])
    expect(await told(await diskWith(lines.slice(0, 3), []))).toEqual([`damage blob-missing ${pathOf('a')}`])
  })
})

describe('the folder of the blobs', () => {
  it('holds unfinished files, which mean nothing', async () => {
    const disk = await diskWith([forgedEvent(1)], [])
    await putFile(disk, 'blobs/ab/x.part', Buffer.from('x'))
    await putFile(disk, 'blobs/y.part', Buffer.from('x'))
    await disk.makeDirectory(`blobs/ab/${'ab'.repeat(32)}`)
    expect((await told(disk)).toSorted()).toEqual([
      'note leftover blobs/ab/x.part',
      'note leftover blobs/y.part',
      `warning foreign-file blobs/ab/${'ab'.repeat(32)}`,
    ])
  })

  it('may hold what only the damaged part of a log names', async () => {
    const damaged = { lines: [Buffer.from('damaged\n'), forgedEvent(1)] }
    const disk = await diskOf(forgedJournal([damaged, { lines: [forgedEvent(2)] }]))
    await putFile(disk, pathOf('orphan'), Buffer.from('orphan'))
    const sound = await diskWith([forgedEvent(1)], ['orphan'])
    expect(await told(sound)).toEqual([`note blob-orphan ${pathOf('orphan')}`])
    const kinds = (await verifyDirectory(disk, {})).findings.map(({ kind }) => kind)
    expect(kinds).toContain('line-checksum')
    expect(kinds).not.toContain('blob-orphan')
  })

  it('can be listed, or it is told', async () => {
    const disk = await diskWith([blobRecord(['a']), naming('a')], ['a'])
    for (const folder of ['blobs', pathOf('a').slice(0, 8)]) {
      const list = (path: string) =>
        path === folder ? Promise.reject(diskError('EIO', 'list', path)) : disk.list(path)
      expect(await told(alteredDisk(disk, { list }))).toEqual([`damage io-error ${folder}`])
    }
  })
})

describe('the record of a blob', () => {
  it('that is elsewhere by now, because its segment was rewritten meanwhile, is passed over', async () => {
    const lines = [naming('other'), blobRecord(['a']), forgedControl({ control: 'witness', time: 5 })]
    const files = forgedJournal([{ lines }])
    const [path = ''] = segmentsOf(files)
    const bytes = files.get(path) ?? Buffer.alloc(0)
    const starts = [0, ...[...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1)]
    const [, event = 0, record = 0, witness = 0, end = 0] = starts
    const disk = await diskWith(lines, ['a'])
    const wholeAt = async (digest: string, offset: number) => {
      const findings = new Findings()
      const fold = new LogFold(findings)
      fold.blobs.set(digest, { file: path, segment: 1, offset })
      const isVisible = () => true
      const parts = { disk, fold, findings, pace: new Pace({}), isVisible, isClaimed: () => true, segments: [] }
      const whole = await checkBlobs(parts)
      expect(findings.all()).toEqual([])
      return whole
    }
    expect(await wholeAt(digestOf('a'), record)).toBe(1)
    expect(await wholeAt(digestOf('b'), record)).toBe(0)
    for (const offset of [event, record + 1, witness, end, end + 99])
      expect(await wholeAt(digestOf('a'), offset), String(offset)).toBe(0)
  })
})
