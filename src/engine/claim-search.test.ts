// The file store's claims against the memory store's: the same calls, chosen by chance, must be answered alike, also when the
// agenda is larger than what is kept of it in memory, and after the journal was opened again.

import { deepEqual } from 'node:assert/strict'
import { expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Batch, LeaseGrant, Receipt, Store } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { simulatedFileTarget } from '../testing/file-target.ts'
import { type Prng, prng } from '../testing/prng.ts'
import { seededRandom } from '../testing/seeded-random.ts'

const seeds = (process.env.CLAIM_SEEDS ?? '1,2,3').split(',').map(Number)
const rounds = Number(process.env.CLAIM_ROUNDS ?? 60)
const start = 1_790_000_000_000
const ttlMs = 50

for (const seed of seeds) {
  it(`claims what the memory store would (seed ${seed})`, { timeout: 120_000 }, async () => {
    const clock = fakeClock(start)
    const handle = await simulatedFileTarget.create({ clock, random: seededRandom(seed) })
    const model = memoryStore({ clock, random: seededRandom(seed) })
    let store = handle.store
    const chance = prng(seed)
    const granted: LeaseGrant[] = []
    let claims = 0
    for (let round = 0; round < rounds; round++) {
      const batches = Array.from({ length: 1 + chance.below(4) }, () => batchBy(chance, clock.now(), granted))
      const told = await Promise.all(batches.map((batch) => outcome(store, batch)))
      const expected = await Promise.all(batches.map((batch) => outcome(model, batch)))
      deepEqual(told, expected)
      for (const one of told) {
        if (typeof one === 'string' || one.claimed === undefined) continue
        claims += one.claimed.length
        granted.push(...one.leases)
      }
      clock.advance(chance.below(20))
      if (chance.below(20) === 0) store = (await (chance.below(2) === 0 ? handle.reopen : handle.crash)?.()) ?? store
    }
    deepEqual(await store.agenda({}), await model.agenda({}))
    await handle.dispose()
    expect(claims).toBeGreaterThan(100)
  })
}

async function outcome(store: Store, batch: Batch): Promise<Receipt | string> {
  try {
    return await store.append(batch)
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

/** Many entries at a time, so that the agenda grows past what is kept of it. */
function batchBy(chance: Prng, now: number, granted: readonly LeaseGrant[]): Batch {
  const durability = 'sync'
  const dueBy = now - 10 + chance.below(30)
  switch (chance.below(6)) {
    case 0: {
      const id = () => `e${chance.below(4 * limits.dueWindowEntries)}`
      const due = () => (chance.below(8) === 0 ? null : now - 200 + chance.below(500))
      const agenda = Array.from({ length: chance.below(1_000) }, () => ({ id: id(), due: due() }))
      return { events: [], agenda, durability }
    }
    case 1: {
      const some = granted.slice(chance.below(granted.length + 1)).slice(0, 40)
      const agenda = some.map(({ lease }) => ({ id: lease, due: null }))
      const leases = some.map(({ lease, token }) => ({ lease, op: 'release', token }) as const)
      return { events: [], agenda, leases, durability }
    }
    case 2: {
      const lease = `e${chance.below(50)}`
      return { events: [], leases: [{ lease, op: 'acquire', owner: 'other', ttlMs }], durability }
    }
    case 3: {
      const prefix = `e${chance.below(10)}`
      return { events: [], claim: { owner: 'me', ttlMs, dueBy, prefix, limit: chance.below(30) }, durability }
    }
    default:
      return { events: [], claim: { owner: 'me', ttlMs, dueBy, limit: chance.below(300) }, durability }
  }
}
