import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import type { CopyNote, CopyTarget } from '../copy-port.ts'
import { fileCopyTarget } from './copy-target.ts'

const note: CopyNote = {
  id: '1'.repeat(32),
  from: '/from',
  journal: '2'.repeat(32),
  source: '3'.repeat(32),
  epoch: '3'.repeat(32),
  begun: 7,
}

function targetOn(disk: ReturnType<typeof memoryDisk>): CopyTarget {
  const nothing = (): Promise<void> => Promise.resolve()
  const process = { pid: 1, host: 'h' }
  return fileCopyTarget('/to', {
    disk,
    clock: fakeClock(),
    process,
    segmentBytes: 4_096,
    make: nothing,
    remove: nothing,
  })
}

describe('a directory that is copied to', () => {
  it('is held by one copy at a time', async () => {
    const target = targetOn(memoryDisk())
    const intake = await target.begin(note)
    await expect(target.begin(note)).rejects.toMatchObject({ code: 'LOCKED' })
    await expect(target.discard()).rejects.toMatchObject({ code: 'LOCKED' })
    await intake.close()
    await (await target.begin(note)).close()
  })

  it('is not taken for another copy, nor for a journal that came in between', async () => {
    const target = targetOn(memoryDisk())
    await (await target.begin(note)).close()
    await expect(target.begin({ ...note, id: '9'.repeat(32) })).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    const intake = await target.begin(note)
    await intake.finish([])
    await intake.close()
    expect(await target.look()).toEqual({ kind: 'journal', copy: note.id })
    await expect(target.begin(note)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    await expect(target.discard()).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
  })

  it('is free again when the copy was removed', async () => {
    const disk = memoryDisk()
    const target = targetOn(disk)
    const intake = await target.begin(note)
    await intake.clear()
    await intake.close()
    await target.discard()
    expect(await disk.list('')).toEqual([])
    expect(await target.look()).toEqual({ kind: 'free' })
  })

  it('may be one in which nothing but an unfinished journal is', async () => {
    const disk = memoryDisk()
    await disk.makeDirectory('segments')
    const target = targetOn(disk)
    expect(await target.look()).toEqual({ kind: 'free' })
    await (await target.begin(note)).close()
    expect(await target.look()).toEqual({ kind: 'unfinished', note })
  })
})
