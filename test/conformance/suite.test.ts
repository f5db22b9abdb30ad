// The suite tested as a product: its size, its names, its skips, how it speaks to a runner; and the cases that the memory
// store cannot run, on a stand-in that can.

import { describe, expect, it } from 'vitest'
import { registerConformance, storeConformance } from '../../src/testing/conformance.ts'
import { memoryTarget } from '../../src/testing/memory-target.ts'
import { lastingMemoryTarget } from './lasting-memory.ts'

registerConformance(lastingMemoryTarget, { describe, it, skip: it.skip })

describe('store conformance', () => {
  const cases = storeConformance(memoryTarget)

  it('has at least 250 cases for a store that can do the least', () => {
    expect(cases.filter(({ skipped }) => skipped === undefined).length).toBeGreaterThanOrEqual(250)
  })

  it('gives each case a name of its own', () => {
    const names = cases.map(({ group, name }) => `${group}: ${name}`)
    expect(new Set(names).size).toBe(names.length)
  })

  it('names rows that can exist', () => {
    for (const { row } of cases) expect(row ?? 'C1.1').toMatch(/^C[1-5]\.\d{1,2}$/)
  })

  it('skips what the manifest excludes, with the reason', () => {
    const reasons = new Set(cases.flatMap(({ skipped }) => skipped ?? []))
    expect([...reasons].sort()).toEqual([
      'the store has no readers in other processes',
      'the store has no segments',
      'the store keeps nothing after close',
      'the store makes no backups',
    ])
  })

  it('refuses a store whose manifest is not the promised one', async () => {
    const manifest = { ...memoryTarget.manifest, backup: true }
    const [first] = storeConformance({ ...memoryTarget, manifest })
    await expect(first?.run()).rejects.toThrow(/manifest/)
  })

  it('disposes of every store, also when a case fails', async () => {
    let open = 0
    const failing = storeConformance({
      ...memoryTarget,
      async create(options) {
        open++
        const handle = await memoryTarget.create(options)
        await handle.store.close()
        return {
          ...handle,
          dispose: async () => {
            open--
          },
        }
      },
    })
    await expect(failing[0]?.run()).rejects.toThrow()
    expect(open).toBe(0)
  })

  it('hands every case to the runner once, the skipped ones with their reason', () => {
    const ran: string[] = []
    const skipped: string[] = []
    registerConformance(memoryTarget, {
      describe: (_name, define) => define(),
      it: (name) => ran.push(name),
      skip: (name) => skipped.push(name),
    })
    expect(ran.length + skipped.length).toBe(cases.length)
    for (const name of skipped) expect(name).toMatch(/: skipped, the store .+/)
  })
})
