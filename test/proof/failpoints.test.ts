// The run of test/proof in a directory, its process killed at every failpoint of the engine that a run can reach, and at random
// moments: several times in the life of one journal. PROOF_ROUNDS (40 kills at random) and SEED; POINT kills at one alone.

import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { prng } from '../../src/testing/prng.ts'
import type { Undisturbed } from './judge.ts'
import { lookAt } from './kill-points.ts'
import { KilledRun } from './killed-run.ts'
import { beforeRecovery, hitsOf, leftOut, runFailpoints } from './run-failpoints.ts'
import { RunPlaces, variationOf } from './run-places.ts'
import type { FailpointHit } from './run-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const rounds = Number(process.env.PROOF_ROUNDS ?? 40)
const points = runFailpoints.filter((name) => process.env.POINT === undefined || name === process.env.POINT)
/** So small that a run fills several. */
const segmentBytes = 8_192
const chance = prng(seed)
const attempts = 8
/** How long a life takes at most to where the run waits for nothing but itself. */
const lifeMs = 700

let places: RunPlaces
const expected: Undisturbed[] = []

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  places = await RunPlaces.make()
  for (const n of [0, 1]) expected.push((await lookAt(places.next({ ...variationOf(n), segmentBytes }))).expected)
})

/** One journal, from its making to the end of its run; judged. */
async function play(n: number, live: (run: KilledRun) => Promise<void>): Promise<void> {
  const place = places.next({ ...variationOf(n), segmentBytes })
  const run = new KilledRun(place)
  try {
    await live(run)
    await run.live()
    await run.judged(expected[n % 2] as Undisturbed)
  } catch (error) {
    throw new Error(`SEED=${seed}, in ${place.target}: ${run.told.join('; ')}: ${String(error)}`, { cause: error })
  }
  await rm(place.target, { recursive: true, force: true })
}

async function twoAtATime(some: (() => Promise<void>)[]): Promise<void> {
  const work = async (): Promise<void> => {
    for (let next = some.shift(); next !== undefined; next = some.shift()) await next()
  }
  await Promise.all([work(), work()])
}

it(`a run that is killed at every failpoint ends as if it had not been (SEED=${seed})`, {
  timeout: 900_000,
}, async () => {
  const kills = new Map<string, number>(points.map((name) => [name, 0]))
  const killAt = async (run: KilledRun, stop: FailpointHit): Promise<boolean> => {
    const isKilled = !(await run.live({ failpoint: stop })).isDone
    if (isKilled) kills.set(stop.name, (kills.get(stop.name) ?? 0) + 1)
    return isKilled
  }
  const some = points.map((name, n) => async () => {
    for (let tries = attempts; tries > 0 && kills.get(name) === 0; tries -= 1) {
      await play(n, async (run) => {
        if (name.startsWith('recovery:')) {
          const before = beforeRecovery[chance.below(2)] ?? ''
          await killAt(run, { name: before, hit: 5 + chance.below(20) })
        }
        // Where it wasn't reached so often, it is at its first time.
        await killAt(run, { name, hit: tries === attempts ? 1 + chance.below(hitsOf(name)) : 1 })
      })
    }
  })
  await twoAtATime(some)
  const missed = points.filter((name) => kills.get(name) === 0)
  const total = [...kills.values()].reduce((sum, count) => sum + count, 0)
  process.stdout.write(
    `proof, failpoints: ${total} kills, ${points.length - missed.length} of ${points.length} hit; not for a run: ${leftOut.join('; ')}\n`,
  )
  expect(missed).toEqual([])
})

it(`a run that is killed at random moments ends as if it had not been (SEED=${seed})`, {
  timeout: 900_000,
}, async () => {
  let kills = 0
  let journals = 0
  const some = Array.from({ length: Math.ceil(rounds / 8) }, (_, n) => () => {
    journals += 1
    return play(n, async (run) => {
      for (let left = 8; left > 0; left -= 1) {
        if (!(await run.killedWithin(chance.below(lifeMs)))) return
        kills += 1
      }
    })
  })
  await twoAtATime(some)
  process.stdout.write(`proof, at random: ${kills} kills of ${journals} runs\n`)
  expect(kills).toBeGreaterThan(0)
})
