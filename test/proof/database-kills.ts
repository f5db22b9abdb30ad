// The run of test/proof in a database: its process is killed at a sample of all points, or at all of them with PROOF_ALL=1; and
// stopped past its lease while another process takes the run over. What must hold, whichever database it is.
//
// PROOF_POINTS (12) is the size of the sample, SEED replays it.

import { expect } from 'vitest'
import { prng } from '../../src/testing/prng.ts'
import { killAtPoints, lookAt } from './kill-points.ts'
import { KilledRun, type RunPlace } from './killed-run.ts'
import { variationOf } from './run-places.ts'
import type { Point } from './run-process.ts'

export const seed: number = Number(process.env.SEED ?? Date.now() % 1_000_000)
const count = Number(process.env.PROOF_POINTS ?? 12)
const isAll = process.env.PROOF_ALL === '1'
/** So long a run is left alone after each kill, and so long a stopped one must stand still. */
export const leaseTtl: string = '1s'

export type PlaceOf = (variation: Pick<RunPlace, 'fails' | 'by' | 'leaseTtl'>) => RunPlace

export async function killAtSample(name: string, placeOf: PlaceOf): Promise<void> {
  const chance = prng(seed)
  for (const variation of [0, 1]) {
    const began = performance.now()
    const { points, kills, journals, missed } = await killAtPoints({
      name: `${name}, SEED=${seed}`,
      place: () => placeOf({ ...variationOf(variation), leaseTtl }),
      choose: (all) => (isAll ? all : sample(all, count / 2, chance.below)),
      chain: isAll ? 8 : 3,
    })
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    process.stdout.write(`proof, ${name}: ${points} points, ${kills} kills, ${journals} journals, ${seconds} s\n`)
    expect(missed, `SEED=${seed}`).toEqual([])
    expect(kills).toBe(points)
  }
}

/** In their order. */
function sample(all: readonly Point[], size: number, below: (bound: number) => number): readonly Point[] {
  const chosen = new Set<number>()
  while (chosen.size < Math.min(size, all.length)) chosen.add(below(all.length))
  return all.filter((_, at) => chosen.has(at))
}

/** Places in the run where nothing happens beside: whoever goes on there later has nothing to do but to append. */
const stops: readonly Point[] = [
  { when: 'before', label: 'long run.step s3' },
  { when: 'before', label: 'long run.tool-intended send 1' },
  { when: 'before', label: 'long run.tool charge' },
  { when: 'before', label: 'long run.tool hold' },
  { when: 'before', label: 'long run.woke sleep#2' },
  { when: 'before', label: 'long run.charged charge' },
]

/** The process stops in the middle, another one takes the run over when its lease is past and ends it; then the first goes on. */
export async function takeOverStopped(name: string, placeOf: PlaceOf): Promise<void> {
  const variation = { fails: false, by: 'worker', leaseTtl } as const
  const { expected } = await lookAt(placeOf(variation))
  const refused: string[] = []
  const stopAt = async (point: Point): Promise<void> => {
    const run = new KilledRun(placeOf(variation))
    const stopped = run.begin({ point: { ...point, signal: 'SIGSTOP' } })
    await stopped.until(() => stopped.appends.at(-1) === point.label)
    const other = await run.live()
    expect(other.isDone, point.label).toBe(true)
    const { length } = run.lines
    stopped.signal('SIGCONT')
    await stopped.ended()
    const where = `${name}, stopped ${point.when} ${point.label}`
    expect(stopped.end, where).toBe('0')
    // It called nothing more, nothing more of it was stored, and its function was told nothing more.
    expect(run.lines.slice(length), where).toEqual([])
    refused.push(...stopped.refused)
    await run.judged(expected)
  }
  const queue = [...stops]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await stopAt(next)
  }
  await Promise.all([work(), work()])
  // What was on its way is refused, unless its process has closed the journal first.
  expect(refused).toContain('LEASE_LOST')
  // Before it stood still, it may have been told something as it appended. With a lease that is lost, LEASE_LOST comes first.
  const others = refused.filter((code) => code !== 'LEASE_LOST' && code !== 'CLOSED' && code !== 'SEQ_CONFLICT')
  expect(others).toEqual([])
  process.stdout.write(`proof, ${name}: stopped at ${stops.length} places, taken over, and shut out\n`)
}
