// A process that appends to one journal is killed, again and again; what it was told must be there each time.

import { expect } from 'vitest'
import type { Store } from '../../src/stores/store.ts'
import { History } from '../../src/testing/history.ts'
import { prng } from '../../src/testing/prng.ts'
import { WritingProcess } from './writing-process.ts'

export interface KillRounds {
  readonly name: string
  readonly target: string
  readonly rounds: number
  readonly seed: number
  readonly callers: number
  readonly open: () => Promise<Store>
}

export async function killRounds({ name, target, rounds, seed, callers, open }: KillRounds): Promise<void> {
  const chance = prng(seed)
  const history = new History()
  let acknowledged = 0
  for (let round = 1; round <= rounds; round++) {
    const writer = new WritingProcess(target, { number: round, callers })
    // Some die while they open, most while they append.
    if (chance.chance(0.2)) await pause(chance.below(200))
    else {
      await writer.until(() => writer.isOpen)
      await pause(chance.below(150))
    }
    await writer.kill()
    expect(writer.errors).toEqual([])
    acknowledged += writer.acknowledged.size
    const store = await open()
    writer.report(history, store.head().position - history.settledPosition)
    const finding = await history.check(store, { settle: true, from: Math.max(1, history.settledPosition - 200) })
    expect(finding, `round ${round}, SEED=${seed}`).toBeUndefined()
    if (round % 10 === 0) expect((await store.verify({})).findings, `round ${round}, SEED=${seed}`).toEqual([])
    await store.close()
  }
  const store = await open()
  expect(await history.check(store, { settle: true })).toBeUndefined()
  expect((await store.verify({})).findings).toEqual([])
  await store.close()
  process.stdout.write(
    `${name}: ${rounds} rounds, ${acknowledged} acknowledged appends, ${history.settledPosition} events, none lost\n`,
  )
  expect(acknowledged).toBeGreaterThan(0)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
