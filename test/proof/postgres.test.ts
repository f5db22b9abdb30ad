// The run of test/proof in PostgreSQL: see database-kills.ts.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, it } from 'vitest'
import { PostgresServer, startTimeoutMs } from '../postgres/server.ts'
import { killAtSample, type PlaceOf, seed, takeOverStopped } from './database-kills.ts'
import { RunPlaces } from './run-places.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let server: PostgresServer
let places: RunPlaces
let journals = 0

const placeOf: PlaceOf = (variation) => {
  journals += 1
  return places.next(variation, () => `${server.url()}?journal=proof-${journals}`)
}

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  places = await RunPlaces.make()
  server = await PostgresServer.start()
}, startTimeoutMs)
afterAll(async () => {
  await server.dispose()
  await places.dispose()
})

it(`a run that is killed ends as if it had not been (SEED=${seed})`, { timeout: 1_800_000 }, () =>
  killAtSample('PostgreSQL', placeOf),
)
it('a run whose process stands still is taken over, and its process shut out', { timeout: 300_000 }, () =>
  takeOverStopped('PostgreSQL', placeOf),
)
