import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { type Failpoint, failpointDisk } from './failpoint-disk.ts'
import { failpoints } from './failpoints.ts'

function watching(point: Omit<Failpoint, 'name' | 'holds'>, hit: number = 1) {
  let deaths = 0
  const die = (): never => {
    deaths++
    throw new Error('died')
  }
  const inner = memoryDisk()
  const { disk } = failpointDisk(inner, { point: { ...point, name: 'here', holds: 'all' }, hit, die })
  return { inner, disk, deaths: () => deaths }
}

describe('a failpoint disk', () => {
  it('dies in the chosen call only, before or after its effect', async () => {
    for (const when of ['before', 'after'] as const) {
      const { inner, disk, deaths } = watching({ when, at: ({ op, path }) => op === 'makeDirectory' && path === 'b' })
      await disk.makeDirectory('a')
      await expect(disk.makeDirectory('b')).rejects.toThrow('died')
      expect(inner.existsNow('b')).toBe(when === 'after')
      await disk.makeDirectory('c')
      expect(deaths()).toBe(1)
    }
  })

  it('counts hits', async () => {
    const { disk } = watching({ when: 'after', at: ({ op }) => op === 'makeDirectory' }, 3)
    await disk.makeDirectory('a')
    await disk.makeDirectory('b')
    await expect(disk.makeDirectory('c')).rejects.toThrow('died')
  })

  it('stores a part of a torn write', async () => {
    const { inner, disk } = watching({ when: 'torn', at: ({ op }) => op === 'write' })
    const file = await disk.open('a', { mode: 'write', create: 'exclusive' })
    await expect(file.write(Buffer.from('0123456789'), 0)).rejects.toThrow('died')
    expect(await (await inner.open('a', { mode: 'read' })).size()).toBe(5)
  })

  it('knows how a file was made, under the name that it has now, and when recovery is over', async () => {
    const seen: unknown[] = []
    const { disk } = watching({
      when: 'before',
      at: ({ op, path, made, phase }) => {
        if (op === 'write' || op === 'syncDirectory') seen.push([op, path, made, phase])
        return false
      },
    })
    await disk.makeDirectory('d')
    const file = await disk.open('d/a.part', { mode: 'synced', create: 'exclusive' })
    await file.write(Buffer.from('1'), 0)
    await disk.rename('d/a.part', 'd/a')
    await disk.open('durable', { mode: 'write', create: 'maybe' })
    await file.write(Buffer.from('2'), 1)
    await disk.syncDirectory('d')
    expect(seen).toEqual([
      ['write', 'd/a.part', 'synced', 'opening'],
      ['write', 'd/a', 'synced', 'open'],
      ['syncDirectory', 'd', 'synced', 'open'],
    ])
  })
})

it('failpoints have names of their own', () => {
  expect(new Set(failpoints.map(({ name }) => name)).size).toBe(failpoints.length)
})
