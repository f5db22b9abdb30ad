// Any sequence of calls, against the model, in every store. MODEL_RUNS sets how many; SEED and MODEL_PATH, as a failure
// prints them, replay one.

import fc from 'fast-check'
import { afterAll, describe, it } from 'vitest'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { type Command, commands } from './commands.ts'
import { type PlaceKind, placeKinds } from './places.ts'
import { Player } from './player.ts'
import { postgresPlace, stopPostgres } from './postgres-place.ts'

const { MODEL_RUNS, SEED, MODEL_PATH } = process.env
const runs = Number(MODEL_RUNS ?? 400)

async function play(kind: PlaceKind, sequence: readonly Command[]): Promise<void> {
  const clock = fakeClock()
  const place = await kind.make(clock)
  try {
    const player = await Player.begin(place, clock)
    for (const command of sequence) await player.play(command)
    await player.end()
  } finally {
    await place.leave()
  }
}

afterAll(() => stopPostgres())

describe('a journal', () => {
  it.each([...placeKinds, postgresPlace])(
    'cannot be told from the model: $name',
    { timeout: 300_000 + runs * 1_000 },
    async (kind) => {
      const property = fc.asyncProperty(commands, (sequence) => play(kind, sequence))
      await fc.assert(property, {
        numRuns: Math.max(1, Math.round((runs * kind.share) / 100)),
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
        ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
      })
    },
  )
})
