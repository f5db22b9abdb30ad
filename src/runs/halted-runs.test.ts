// Runs that can't go on in their worker's hands: tried again after pauses that grow, until they come on.

import { describe, expect, it } from 'vitest'
import { HoldfastJournal } from '../holdfast-journal.ts'
import { limits } from '../limits.ts'
import { runsScene } from '../testing/runs-scene.ts'
import { seededRandom } from '../testing/seeded-random.ts'

interface Halt {
  readonly at: number
  /** How long after the halt it is due again. */
  readonly pauseMs: number
}

/** A worker whose run can't record its steps named in `broken`, and how often that has halted it. */
function worked(broken: Set<string>) {
  const scene = runsScene()
  const { clock, store, until } = scene
  const journal = new HoldfastJournal(store, {
    clock,
    random: seededRandom(9),
    redact: (event) => {
      const { key } = (event.data ?? {}) as { readonly key?: string }
      if (key !== undefined && broken.has(key)) throw new RangeError('not to be recorded')
      return event
    },
  })
  journal.define('job', async (run) => {
    for (const name of ['one', 'two']) await run.step(name, () => name)
  })
  const errors: unknown[] = []
  journal.worker({ onError: (error) => errors.push(error) })
  const halted = async (times: number, stepMs: number): Promise<Halt> => {
    await until(() => errors.length >= times, stepMs)
    const at = clock.now()
    let due = 0
    await until(async () => {
      const [entry] = await journal.agenda.list({ prefix: 'run/job/' })
      due = entry?.due ?? 0
      return due > at && (await journal.leases.get('run/job/r')) === undefined
    }, 1)
    return { at, pauseMs: due - at }
  }
  return { scene, journal, halted, errors }
}

describe('a run that can not go on', () => {
  it('is tried again after pauses that grow to a limit, and from the beginning when it came on', async () => {
    const broken = new Set(['one'])
    const { scene, journal, halted, errors } = worked(broken)
    await journal.start('job', { id: 'r' })
    for (let times = 1; times <= 12; times += 1) {
      const whole = Math.min(limits.haltedPauseMsMax, limits.haltedPauseMs * 2 ** (times - 1))
      const stepMs = whole / 20
      const { pauseMs } = await halted(times, stepMs)
      expect(pauseMs, `halted ${times} times`).toBeGreaterThan(whole / 2 - 2 * stepMs)
      expect(pauseMs, `halted ${times} times`).toBeLessThanOrEqual(whole)
    }
    expect(await journal.why('r')).toContain('tried again at')
    broken.clear()
    broken.add('two')
    const { pauseMs } = await halted(13, 1_000)
    expect(pauseMs).toBeLessThanOrEqual(limits.haltedPauseMs)
    expect(errors).toHaveLength(13)
    broken.clear()
    await scene.settled(journal.result('r'))
    await journal.close()
  })

  it('is taken on at once when it is told something meanwhile', async () => {
    const broken = new Set(['one'])
    const { scene, journal, halted } = worked(broken)
    await journal.start('job', { id: 'r' })
    let last: Halt = { at: 0, pauseMs: 0 }
    for (let times = 1; times <= 6; times += 1) last = await halted(times, 100)
    broken.clear()
    await journal.signal('r', 'look again')
    await scene.settled(journal.result('r'), 10)
    expect(scene.clock.now()).toBeLessThan(last.at + last.pauseMs)
    await journal.close()
  })
})
