// Kills the run at each of many points, several of them in one journal's life, one after the other: the process dies at the
// first, the next one goes on and dies at the second further on, until one ends the run. Two journals at a time.
//
// Invariant: a point counts only if a process has died there. One that a chain has missed (branches that run at the same time
// append in any order, and a person may have found nobody at home) is tried alone.

import { judge, type Undisturbed, undisturbed } from './judge.ts'
import { KilledRun, type RunPlace } from './killed-run.ts'
import type { Point } from './run-process.ts'

export interface Killing {
  readonly name: string
  /** A new one each time. */
  readonly place: () => RunPlace
  /** Which of all points there are. */
  readonly choose: (points: readonly Point[]) => readonly Point[]
  /** How many points in one life of a journal. */
  readonly chain: number
  readonly disposed?: (place: RunPlace) => Promise<void>
}

export interface Killed {
  readonly points: number
  readonly kills: number
  readonly journals: number
  readonly missed: readonly string[]
}

const attempts = 3

/** What an undisturbed life comes to, and all points that it has. */
export async function lookAt(place: RunPlace): Promise<{ readonly expected: Undisturbed; readonly points: Point[] }> {
  const run = new KilledRun(place)
  const life = await run.live({ slowly: true })
  const lives = await run.ended()
  const expected = undisturbed(lives)
  const found = judge(lives, expected)
  if (found.length > 0) throw new Error(`undisturbed: ${found.join('\n')}`)
  // How often leases are prolonged, what is claimed when, and whether it is told something while it waits, is a matter of time.
  const isByChance = /^(renew|release|nothing)| is (sleeping|waiting)$/
  const labels = [...new Set(life.appends)].filter((label) => !isByChance.test(label))
  return {
    expected,
    points: labels.flatMap((label) => [
      { when: 'before', label },
      { when: 'behind', label },
    ]),
  }
}

export async function killAtPoints({ name, place, choose, chain, disposed }: Killing): Promise<Killed> {
  const first = place()
  const { expected, points } = await lookAt(first)
  await disposed?.(first)
  const chosen = choose(points)
  const journals = Math.ceil(chosen.length / chain)
  const queue = Array.from({ length: journals }, (_, n) => ({
    points: chosen.filter((_, at) => at % journals === n),
    attempt: 1,
  }))
  const missed: string[] = []
  let kills = 0
  let lived = 0
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const where = place()
      const { hit, told } = await killChain(new KilledRun(where), next.points, expected, `${name}, in ${where.target}`)
      lived += 1
      kills += hit.size
      for (const point of next.points.filter((one) => !hit.has(one))) {
        if (next.attempt < attempts) queue.push({ points: [point], attempt: next.attempt + 1 })
        else missed.push(`${point.when} ${point.label} (${told.join('; ')})`)
      }
      await disposed?.(where)
    }
  }
  await Promise.all([work(), work()])
  return { points: chosen.length, kills, journals: lived, missed }
}

async function killChain(
  run: KilledRun,
  points: readonly Point[],
  expected: Undisturbed,
  where: string,
): Promise<{ readonly hit: ReadonlySet<Point>; readonly told: readonly string[] }> {
  const hit = new Set<Point>()
  try {
    for (const point of points) {
      const life = await run.live({ point })
      if (life.isDone) break
      hit.add(point)
    }
    await run.live()
    await run.judged(expected)
  } catch (error) {
    throw new Error(`${where}: ${run.told.join('; ')}: ${String(error)}`, { cause: error })
  }
  return { hit, told: run.told }
}
