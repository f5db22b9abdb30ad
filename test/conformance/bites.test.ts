// The suite must bite: each deliberately wrong store fails a case of the group that is there for it, and the right one
// fails none.

import { describe, expect, it } from 'vitest'
import { storeConformance } from '../../src/testing/conformance.ts'
import { memoryTarget } from '../../src/testing/memory-target.ts'
import type { StoreUnderTest } from '../../src/testing/store-under-test.ts'
import { lastingMemoryTarget } from './lasting-memory.ts'
import { wrongAppends } from './wrong-appends.ts'
import { wrongClaims } from './wrong-claims.ts'
import { wrongLeases } from './wrong-leases.ts'
import { wrongReads } from './wrong-reads.ts'
import { wrongReopenings } from './wrong-reopenings.ts'
import { wrongStates } from './wrong-states.ts'

/** Name of the first failing case of this group (of all groups when none is given). */
async function firstFailure(target: StoreUnderTest, group?: string): Promise<string | undefined> {
  for (const one of storeConformance(target)) {
    if (one.skipped !== undefined || (group !== undefined && one.group !== group)) continue
    const passed = await one.run().then(
      () => true,
      () => false,
    )
    if (!passed) return one.name
  }
  return undefined
}

describe('the conformance suite bites', () => {
  for (const { group, wrong, make } of [
    ...wrongAppends,
    ...wrongClaims,
    ...wrongLeases,
    ...wrongReads,
    ...wrongStates,
  ]) {
    it(`a store that ${wrong} fails a case on ${group}`, { timeout: 20_000 }, async () => {
      const target: StoreUnderTest = {
        ...memoryTarget,
        async create(options) {
          const store = make(options)
          return { store, dispose: () => store.close() }
        },
      }
      expect(await firstFailure(target, group)).toBeDefined()
    })
  }

  for (const { group, wrong, change } of wrongReopenings) {
    it(`a store that, reopened, ${wrong} fails a case on ${group}`, { timeout: 20_000 }, async () => {
      const target: StoreUnderTest = {
        ...lastingMemoryTarget,
        async create(options) {
          const handle = await lastingMemoryTarget.create(options)
          return { ...handle, reopen: async () => change((await handle.reopen?.()) ?? handle.store) }
        },
      }
      expect(await firstFailure(target, group)).toBeDefined()
    })
  }

  it('the right stores fail none', { timeout: 20_000 }, async () => {
    expect(await firstFailure(memoryTarget)).toBeUndefined()
    expect(await firstFailure(lastingMemoryTarget)).toBeUndefined()
  })
})
