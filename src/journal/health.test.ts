import { describe, expect, it } from 'vitest'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { folders } from '../engine/layout.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { openSample } from '../testing/sample-journal.ts'
import { checkHealth } from './health.ts'

describe('the health of a journal in files', () => {
  it('is asked of the inbox as well, where there is one', async () => {
    const clock = fakeClock()
    const disk = memoryDisk()
    const store = await openSample(disk, { clock })
    const health = await checkHealth(store, clock, undefined)
    expect(health.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['write', true],
      ['read', true],
      ['inbox', true],
    ])
    await store.close()
    const readOnly = await openSample(disk, { clock, readOnly: true })
    expect((await checkHealth(readOnly, clock, undefined)).checks.map(({ name }) => name)).toEqual(['read'])
    await readOnly.close()
  })

  it('tells why commands of other processes wait', async () => {
    const clock = fakeClock()
    const only = ({ op, path }: { readonly op: string; readonly path: string }) =>
      op === 'list' && path === folders.inbox
    const disk = faultyDisk(memoryDisk(), { at: 1, times: 'forever', fault: 'EIO', only })
    const store = await openSample(disk, { clock })
    const health = await checkHealth(store, clock, undefined)
    expect(health.ok).toBe(false)
    expect(health.checks.filter(({ ok }) => !ok)).toMatchObject([{ name: 'inbox', error: { code: 'EIO' } }])
    await store.close()
  })
})
