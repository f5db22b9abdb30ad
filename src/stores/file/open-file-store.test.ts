// What whoever opens a directory is told, by code, in each way in which that can go wrong; and what is opened for reading
// only because it can't be written.

import { describe, expect, it } from 'vitest'
import type { Disk, OpenOptions } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { limits } from '../../limits.ts'
import { alteredDisk } from '../../testing/altered-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import { putFile, sampleEvent } from '../../testing/sample-journal.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { FileStore } from './file-store.ts'
import { type FileOpenOptions, openFileStore } from './open-file-store.ts'

function open(disk: Disk, options: Partial<FileOpenOptions> = {}): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, ...options })
}

const batch = { events: [sampleEvent(1)], durability: 'sync' } as const
const all = { select: { kind: 'all' }, direction: 'forward' } as const

async function journal(): Promise<Disk> {
  const disk = memoryDisk('journal')
  const store = await open(disk)
  await store.append(batch)
  await store.close()
  return disk
}

/** A disk on which opening such a file fails. */
function failing(disk: Disk, error: unknown, isMeant: (path: string, options: OpenOptions) => boolean): Disk {
  return alteredDisk(disk, {
    open: (path, options) => (isMeant(path, options) ? Promise.reject(error) : disk.open(path, options)),
  })
}

async function expectReader(store: FileStore): Promise<void> {
  expect(store.readOnly).toBeDefined()
  expect(await readEvents(store, all)).toHaveLength(1)
  await expect(store.append(batch)).rejects.toMatchObject({ code: 'READ_ONLY' })
  await store.close()
}

describe('opening a directory', () => {
  it('makes a journal, or finds one, as was asked', async () => {
    const there = await journal()
    await expect(open(there, { create: 'exclusive' })).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    await (await open(there, { create: 'never' })).close()
    const missing = { code: 'JOURNAL_MISSING' }
    await expect(open(memoryDisk('new'), { create: 'never' })).rejects.toMatchObject(missing)
    await expect(open(memoryDisk('new'), { readOnly: true })).rejects.toMatchObject(missing)
    await (await open(memoryDisk('new'), { create: 'exclusive' })).close()
  })

  it('makes none where something else is', async () => {
    const disk = memoryDisk('other')
    await putFile(disk, 'thesis.txt', Buffer.from('x'))
    for (const options of [{}, { readOnly: true }, { create: 'never' }] as const)
      await expect(open(disk, options)).rejects.toMatchObject({ code: 'NOT_A_JOURNAL' })
  })

  it('takes segment sizes that are whole and within the limits', async () => {
    const { segmentBytesMin, segmentBytesMax } = limits
    for (const segmentBytes of [0, segmentBytesMin - 1, segmentBytesMax + 1, segmentBytesMin + 0.5, Number.NaN])
      await expect(open(memoryDisk('x'), { segmentBytes })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    for (const segmentBytes of [segmentBytesMin, segmentBytesMax])
      await (await open(memoryDisk('x'), { segmentBytes })).close()
  })

  it('does not write where another kind of lock is in use; reading needs none', async () => {
    const disk = alteredDisk(await journal(), { lockMechanism: 'another' })
    await expect(open(disk)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      details: { recorded: 'memory', available: 'another' },
    })
    await expectReader(await open(disk, { readOnly: true }))
  })

  it.each([
    ['ENOTDIR', 'TARGET_IS_FILE'],
    ['EACCES', 'NO_PERMISSION'],
    ['EPERM', 'NO_PERMISSION'],
    ['EROFS', 'NO_PERMISSION'],
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EIO', 'IO'],
  ])('says of %s that it is %s', async (system, code) => {
    const cause = diskError(system, 'open', 'journal.json')
    const disk = failing(await journal(), cause, (path) => path === 'journal.json')
    for (const options of [{}, { readOnly: true }])
      await expect(open(disk, options)).rejects.toMatchObject({ code, cause })
  })

  it('says that there is none when the directory is not there', async () => {
    const disk = memoryDisk('gone')
    const makeDirectory = (path: string) => Promise.reject(diskError('ENOENT', 'makeDirectory', path))
    await expect(open(alteredDisk(disk, { makeDirectory }))).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
  })

  it('does not take a file that goes missing meanwhile for a journal that is not there', async () => {
    const disk = await journal()
    for (const name of ['segments/00000000000000000001.jsonl', 'durable', 'fences/00000001.json'])
      for (const readOnly of [false, true]) {
        const error = diskError('ENOENT', 'open', name)
        const opened = open(
          failing(disk, error, (path) => path === name),
          { readOnly },
        )
        const code = await opened.then(
          (store) => store.close(),
          ({ code }: { readonly code: string }) => code,
        )
        expect(code, `${name} ${readOnly}`).not.toBe('JOURNAL_MISSING')
      }
  })

  it('throws on what is a defect', async () => {
    const disk = failing(await journal(), new TypeError('defect'), () => true)
    await expect(open(disk)).rejects.toThrow(TypeError)
  })
})

describe('a journal that can not be written', () => {
  const meant = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM']

  it.each(meant)('is opened for reading when there is no way to own it: %s', async (code) => {
    const disk = await journal()
    const owner = failing(disk, diskError(code, 'open', 'owner.json'), (path) => path === 'owner.json')
    await expectReader(await open(owner))
    // And its lock is free for whoever can write.
    const writer = await open(disk)
    expect(writer.readOnly).toBeUndefined()
    await writer.close()
  })

  it.each(meant)('is opened for reading when recovery finds no way to write: %s', async (code) => {
    const disk = await journal()
    const active = failing(disk, diskError(code, 'open', 'x'), (_, { mode }) => mode === 'synced')
    await expectReader(await open(active))
    await (await open(disk)).close()
  })

  it('is not opened at all after another error, and its lock is free', async () => {
    const disk = await journal()
    const failures = [
      failing(disk, diskError('EIO', 'open', 'owner.json'), (path) => path === 'owner.json'),
      failing(disk, diskError('EIO', 'open', 'x'), (_, { mode }) => mode === 'synced'),
    ]
    for (const each of failures) await expect(open(each)).rejects.toMatchObject({ code: 'IO' })
    await (await open(disk)).close()
  })

  it('is not made', async () => {
    const full = diskError('ENOSPC', 'open', 'x')
    const byOwner = failing(memoryDisk('new'), full, (path) => path === 'owner.json')
    const byLog = failing(memoryDisk('new'), full, (_, { mode }) => mode === 'synced')
    for (const disk of [byOwner, byLog]) await expect(open(disk)).rejects.toMatchObject({ code: 'DISK_FULL' })
  })
})
