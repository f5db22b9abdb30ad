// The run in the memory store: driven with time in hand, cut off before or behind one of its appends, and gone on with.

import { endings } from '../../src/runs/run-event.ts'
import { turns } from '../../src/testing/cut-off-scene.ts'
import { type RunsScene, runsScene } from '../../src/testing/runs-scene.ts'
import { errandsOf, raised, signalled } from './errands.ts'
import type { Lives } from './judge.ts'
import { longRun, longRunOf, partOf } from './long-run.mjs'
import type { RecordedEvent } from './outcome.ts'
import { noteAppends, Outside, type OutsideLine, runOf } from './outside.mjs'

export interface Variation {
  /** At the end, so that its tools are undone. */
  readonly fails: boolean
  /** Driven by a worker, or by journal.run(). */
  readonly by: 'run' | 'worker'
}

export interface Cut {
  /** The n-th append of its life. */
  readonly at: number
  readonly when: 'before' | 'behind'
}

export interface CutLives extends Lives {
  /** How many lives were cut off where they should be. */
  readonly cuts: number
}

/** More than any life takes. */
const roundsMax = 3_000

export async function cutRun(variation: Variation, cuts: readonly Cut[]): Promise<CutLives> {
  const scene = runsScene()
  const lines: OutsideLine[] = []
  noteAppends(scene.store, new Outside([], (line) => lines.push(line)))
  let done = 0
  for (const cut of [...cuts, undefined]) {
    if (await live(scene, lines, variation, cut)) done += 1
    else break
  }
  const left = await scene.process().agenda.list({ prefix: 'run/' })
  if (left.length > 0) throw new Error(`left on the agenda: ${JSON.stringify(left)}`)
  const effects = new Outside(lines, () => undefined).effects
  return { lines, events: await recorded(scene), effects, cuts: done }
}

/** Whether it was cut off. */
async function live(
  scene: RunsScene,
  lines: OutsideLine[],
  { fails, by }: Variation,
  cut: Cut | undefined,
): Promise<boolean> {
  const outside = new Outside(lines, (line) => lines.push(line))
  let isDead = false
  const dies = (): void => {
    isDead = true
    outside.die()
  }
  const journal = scene.process({
    ...(cut === undefined ? {} : { dieAt: cut.at, diesBehind: cut.when === 'behind' }),
    dies,
  })
  const person = scene.process()
  const { id, name, input, budgets } = longRun
  const body = longRunOf(outside, { fails })
  journal.define('part', partOf(outside))
  if (by === 'worker') {
    journal.define(name, body)
    journal.worker()
    journal.start(name, { id, input, budgets, commandId: 'start' }).catch(() => undefined)
  } else {
    journal.run(id, body, { input, budgets }).catch(() => undefined)
  }
  for (let round = 0; !isDead && !hasEnded(lines); round += 1) {
    if (round > roundsMax)
      throw new Error(`it does not end, cut off at ${JSON.stringify(cut)}: ${JSON.stringify(lines.slice(-5))}`)
    await turns(2)
    for (const errand of errandsOf(lines)) {
      const { kind, run, name: what, outcome, id: commandId } = errand
      if (kind === 'signal') await person.signal(run, what, signalled, { commandId })
      else if (kind === 'raise') await person.raise(run, raised, { commandId })
      else if (outcome !== undefined) await person.settle(run, what, outcome)
    }
    scene.clock.advance(5)
  }
  await turns(5)
  await Promise.all([journal.close(), person.close()]).catch(() => undefined)
  return isDead
}

function hasEnded(lines: readonly OutsideLine[]): boolean {
  return lines.some((line) => line.is === 'durable' && line.run === longRun.id && endings.includes(line.type))
}

async function recorded(scene: RunsScene): Promise<readonly RecordedEvent[]> {
  const events = await scene.process().read({ prefix: 'run/' }).toArray()
  return events.map(({ stream, seq, type, data }) => ({
    run: runOf(stream),
    seq,
    type,
    data: data as RecordedEvent['data'],
  }))
}
