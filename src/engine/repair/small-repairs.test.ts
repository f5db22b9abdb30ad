// The repairs that lose no event, where there is nothing to repair, nothing to repair it from, or a disk that fails.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bodySum, hex8 } from '../../core/record.ts'
import type { Disk } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'
import { alteredDisk } from '../../testing/altered-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { forgedControl, forgedEvent, forgedJournal } from '../../testing/forged-log.ts'
import { bytesOf, diskOf, flipped, putFile, sampleProcess, segmentsOf, withFile } from '../../testing/sample-journal.ts'
import { type RepairAction, type RepairReport, repairDirectory } from '../repair.ts'

const digest = createHash('sha256').update('inline').digest('hex')
const data = Buffer.from('inline').toString('base64')
const blob = forgedControl({ control: 'blob', digest, bytes: 6, data })
const files = forgedJournal([{ lines: [blob, forgedEvent(1, { blobs: [digest] })] }])
const [segment = ''] = segmentsOf(files)
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

function repair(disk: Disk, action: RepairAction): Promise<RepairReport> {
  const ownership = { process: sampleProcess }
  return repairDirectory(disk, { actions: [action], clock: fakeClock(), ownership })
}

function failing(disk: Disk, path: string, fromTime: number): Disk {
  let times = 0
  return alteredDisk(disk, {
    open: (name, options) =>
      name === path && ++times >= fromTime ? Promise.reject(diskError('EIO', 'open', name)) : disk.open(name, options),
  })
}

describe('the identity', () => {
  it('that is no JSON is written anew', async () => {
    const body = '{"holdfast":1,oops'
    const noJson = Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"}\n`)
    const disk = await diskOf(withFile(files, 'journal.json', noJson))
    expect((await repair(disk, { do: 'identity' })).verifyAfter.ok).toBe(true)
    expect(await bytesOf(disk, 'journal.json')).toEqual(files.get('journal.json'))
  })

  it('can not be made without a header, nor judged where the disk fails', async () => {
    const bytes = files.get(segment) ?? Buffer.alloc(0)
    const bare = withFile(withFile(files, 'journal.json', undefined), segment, flipped(bytes, 30, 1))
    await expect(repair(await diskOf(bare), { do: 'identity' })).rejects.toEqual(refused)
    const disk = await diskOf(files)
    await expect(repair(failing(disk, 'journal.json', 2), { do: 'identity' })).rejects.toMatchObject({ code: 'EIO' })
    expect(await bytesOf(disk, 'journal.json')).toEqual(files.get('journal.json'))
  })
})

describe('a stranger', () => {
  it('is moved from wherever it stands, and never over another', async () => {
    const disk = await diskOf(files)
    const copies: (string | undefined)[] = []
    for (const content of ['one', 'two', 'three']) {
      await putFile(disk, 'letter', Buffer.from(content))
      const report = await repair(disk, { do: 'foreign', file: 'letter' })
      expect(report.verifyAfter.ok).toBe(true)
      copies.push(report.actions[0]?.setAside[0])
    }
    const contents = await Promise.all(copies.map(async (path) => (await bytesOf(disk, path ?? '')).toString()))
    expect(contents).toEqual(['one', 'two', 'three'])
    expect(new Set(copies).size).toBe(3)
  })
})

describe('a blob', () => {
  it('of which no file is damaged is left alone, as is what is no digest', async () => {
    const disk = await diskOf(files)
    for (const each of [digest, 'f'.repeat(64), '../journal.json', digest.toUpperCase()])
      await expect(repair(disk, { do: 'blob', digest: each }), each).rejects.toEqual(refused)
  })

  it('whose file the disk does not read is not taken for damaged', async () => {
    const disk = await diskOf(files)
    const path = `blobs/${digest.slice(0, 2)}/${digest}`
    await putFile(disk, path, Buffer.from('inline'))
    await expect(repair(failing(disk, path, 1), { do: 'blob', digest })).rejects.toMatchObject({ code: 'EIO' })
    expect((await bytesOf(disk, path)).toString()).toBe('inline')
  })
})
