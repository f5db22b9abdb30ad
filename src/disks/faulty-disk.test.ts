import { describe, expect, it } from 'vitest'
import { diskCases } from './disk-conformance.ts'
import { type FaultPlan, faultyDisk } from './faulty-disk.ts'
import { bytesOf, textOf, writeText } from './file-content.ts'
import { memoryDisk } from './memory-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const tenBytes = bytesOf('0123456789')

describe('faulty disk', () => {
  it.each(diskCases)('without a plan: $name', async ({ run }) => {
    await run(faultyDisk(memoryDisk()))
  })

  it.each(diskCases)('with nothing but short counts: $name', async ({ run }) => {
    await run(
      faultyDisk(memoryDisk(), { at: 1, times: 'forever', fault: 'short', only: ({ op }) => op !== 'existsNow' }),
    )
  })

  it('fails the operation that was planned, once', async () => {
    const disk = faultyDisk(memoryDisk(), { at: 2, times: 'once', fault: 'EIO' })
    await disk.makeDirectory('a')
    await expect(disk.makeDirectory('b')).rejects.toMatchObject({ code: 'EIO' })
    expect(disk.existsNow('b')).toBe(false)
    await disk.makeDirectory('b')
    expect([disk.operations, disk.faults]).toEqual([4, 1])
  })

  it('fails all from the planned one on', async () => {
    const disk = faultyDisk(memoryDisk(), { at: 2, times: 'forever', fault: 'EACCES' })
    await disk.makeDirectory('a')
    await expect(disk.list('')).rejects.toMatchObject({ code: 'EACCES' })
    expect(() => disk.existsNow('a')).toThrow(expect.objectContaining({ code: 'EACCES' }))
    expect([disk.operations, disk.faults]).toEqual([3, 2])
  })

  it('counts and fails only what the plan lets through', async () => {
    const disk = faultyDisk(memoryDisk(), { at: 2, times: 'once', fault: 'ENOSPC', only: ({ op }) => op === 'sync' })
    const file = await disk.open('a', { mode: 'write', create: 'maybe' })
    await file.write(tenBytes, 0)
    await file.sync()
    await file.write(tenBytes, 10)
    await expect(file.sync()).rejects.toMatchObject({ code: 'ENOSPC' })
    expect([disk.operations, disk.faults, await file.size()]).toEqual([2, 1, 20])
  })

  it('can fail every operation there is, and changes nothing then but by a write', async () => {
    const inner = memoryDisk()
    await writeText(inner, 'a', 'abc')
    await inner.makeDirectory('d')
    const opened = faultyDisk(inner, { at: 2, times: 'forever', fault: 'EIO' })
    const file = await opened.open('a', { mode: 'write' })
    const calls: readonly (() => Promise<unknown>)[] = [
      () => opened.open('new', { mode: 'write', create: 'maybe' }),
      async () => file.read(new Uint8Array(1), 0),
      () => file.sync(),
      () => file.truncate(0),
      () => file.size(),
      () => opened.list(''),
      () => opened.makeDirectory('e'),
      () => opened.rename('a', 'b'),
      () => opened.remove('a'),
      () => opened.removeDirectory('d'),
      () => opened.syncDirectory(''),
      () => opened.lock('a'),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'EIO' })
    expect(opened.faults).toBe(calls.length)
    expect((await inner.list('')).map((entry) => entry.name)).toEqual(['a', 'd'])
    expect(await textOf(inner, 'a')).toBe('abc')
  })

  it('a failed write stores nothing, a part or all, by its seed', async () => {
    const sizes = new Set<number>()
    for (let seed = 0; seed < 100; seed++) {
      const disk = faultyDisk(memoryDisk(), writesFail({ fault: 'ENOSPC', seed }))
      const file = await disk.open('a', { mode: 'write', create: 'maybe' })
      await expect(file.write(tenBytes, 0)).rejects.toMatchObject({ code: 'ENOSPC' })
      sizes.add(await file.size())
    }
    expect([...sizes].sort((one, other) => one - other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('a short write stores what it reports: at least one byte, and not all', async () => {
    const counts = new Set<number>()
    for (let seed = 0; seed < 100; seed++) {
      const disk = faultyDisk(memoryDisk(), writesFail({ fault: 'short', seed }))
      const file = await disk.open('a', { mode: 'write', create: 'maybe' })
      const count = await file.write(tenBytes, 0)
      expect(await textOf(disk, 'a')).toBe('0123456789'.slice(0, count))
      counts.add(count)
    }
    expect([...counts].sort((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('one byte is never cut short', async () => {
    const disk = faultyDisk(memoryDisk(), writesFail({ fault: 'short', seed: 1 }))
    const file = await disk.open('a', { mode: 'write', create: 'maybe' })
    expect(await file.write(bytesOf('x'), 0)).toBe(1)
    expect(disk.faults).toBe(0)
  })

  it('a sync that failed has not synced, and with a simulated disk below no later one makes up for it', async () => {
    const simulated = new SimulatedDisk()
    await simulated.disk.syncDirectory('')
    const plan: FaultPlan = {
      at: 1,
      times: 'once',
      fault: 'EIO',
      only: ({ op }) => op === 'sync',
      onFault: ({ path }) => simulated.dropUnsynced(path),
    }
    const disk = faultyDisk(simulated.disk, plan)
    const file = await disk.open('a', { mode: 'write', create: 'maybe' })
    await disk.syncDirectory('')
    await file.write(tenBytes, 0)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.sync()
    const texts = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      texts.add(await textOf(simulated.crash({ seed, model: 'adversarial' }).disk, 'a'))
    }
    expect(texts).toContain('')
    expect(texts).toContain('0123456789')
  })
})

function writesFail({ fault, seed }: Pick<FaultPlan, 'fault'> & { readonly seed: number }): FaultPlan {
  return { at: 1, times: 'once', fault, seed, only: ({ op }) => op === 'write' }
}
