// The run of test/proof in a file of SQLite: see database-kills.ts.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, it } from 'vitest'
import { killAtSample, type PlaceOf, seed, takeOverStopped } from './database-kills.ts'
import { RunPlaces } from './run-places.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let places: RunPlaces
const placeOf: PlaceOf = (variation) => places.next(variation, (path) => `${path}.db`)

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  places = await RunPlaces.make()
})
afterAll(() => places.dispose())

it(`a run that is killed ends as if it had not been (SEED=${seed})`, { timeout: 1_800_000 }, () =>
  killAtSample('SQLite', placeOf),
)
it('a run whose process stands still is taken over, and its process shut out', { timeout: 300_000 }, () =>
  takeOverStopped('SQLite', placeOf),
)
