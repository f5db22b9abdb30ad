// The same code is never told as another one: whatever it waits for on its own, in whatever order things come.

import { describe, expect, it } from 'vitest'
import type { HoldfastError } from '../errors.ts'
import {
  type Body,
  cutOff,
  dyingStore,
  goOn,
  inTurn,
  passing,
  runScene,
  step,
  together,
  turns,
} from '../testing/cut-off-scene.ts'
import type { RunFunction } from './runs.ts'

const plan = inTurn('a', 'b', 'c', 'd')

describe('the same code is no other', () => {
  it('when those that go at the same time are asked for in another order', async () => {
    const scene = runScene()
    await cutOff(scene, together('a', 'b', 'c'), 3)
    expect(await goOn(scene, together('c', 'a', 'b'))).toBe('end')
  })

  it('when more comes where the record ends', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 4)
    const longer: Body = async (run) => {
      await step(run, 'a')
      await step(run, 'b')
      await Promise.all([step(run, 'x'), step(run, 'y')])
      return step(run, 'z')
    }
    expect(await goOn(scene, longer)).toBe('z')
  })

  it('when an input is given that was not before, or is not given any more', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 4)
    const given: Body = async (run) => {
      await step(run, 'a', { n: 1 })
      await step(run, 'b', { n: 2 })
      return step(run, 'e', { n: 3 })
    }
    await cutOff(scene, given, 3)
    const noLonger = inTurn('a', 'b', 'e')
    expect(await goOn(scene, noLonger)).toBe('e')
  })

  it('when an input is recorded in another form than it was given in', async () => {
    const scene = runScene()
    const body: Body = async (run) => {
      await run.step('a', () => 1, { input: { bytes: Buffer.from('xy'), at: new Date(5), key: 'secret' } })
      return step(run, 'b')
    }
    await cutOff(scene, body, 3)
    expect(await goOn(scene, body)).toBe('b')
  })

  it('when the function waits for something of its own between its steps', async () => {
    const scene = runScene()
    const own = async (): Promise<void> => {
      for (let count = 0; count < 3; count += 1) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    const body: Body = async (run) => {
      await own()
      await step(run, 'a')
      await own()
      await step(run, 'b')
      await own()
      return step(run, 'c')
    }
    await cutOff(scene, body, 2)
    // The lease, one event, and no more.
    for (let count = 0; count < 3; count += 1) await cutOff(scene, body, 3)
    expect(await goOn(scene, body)).toBe('c')
  })

  // What the function waits for comes between any two events, live and in replay: sooner, later, or at once.
  const pauses = [0, 1, 2, 3, 5, 8, 13]
  const branches =
    (pause: number, isEnd: boolean): Body =>
    async (run) => {
      const own = async (): Promise<void> => {
        if (pause > 0) await turns(pause)
      }
      const side = async (): Promise<unknown> => {
        await own()
        await step(run, 'own')
        await own()
        return step(run, 'own')
      }
      const main = async (): Promise<unknown> => {
        for (const name of ['a', 'b', 'c', 'd']) await step(run, name)
        return 'main'
      }
      const both = await Promise.all([main(), side()])
      return isEnd ? both : run.wait('never')
    }

  it.each(pauses)('when what it waits for took %i turns beside its steps and now takes another time', async (lived) => {
    for (const replayed of pauses) {
      for (const dieAt of [4, 5, 6, 7, 8, 9]) {
        const scene = runScene()
        const running = scene.another(dyingStore(scene.store, dieAt)).run('r', branches(lived, true) as RunFunction)
        const first = await passing(scene.clock, running, 1).catch((error: HoldfastError) => error.code)
        if (first === 'CLOSED') {
          // The last of what was asked for in no turn for sure may not have been recorded: no time is known of it.
          if (replayed === 0 && lived > 0) continue
          expect(await goOn(scene, branches(replayed, true)), `${lived} ${replayed} ${dieAt}`).toEqual(['main', 'own'])
        } else expect(first).toEqual(['main', 'own'])
      }
    }
  })

  it('when what it waited for is there at once, and what it asked for then is in the record', async () => {
    for (const lived of pauses.slice(1)) {
      const scene = runScene()
      const journal = scene.another()
      journal.run('r', branches(lived, false) as RunFunction).catch(() => undefined)
      await turns(200)
      const isChecked = scene.another().run('r', branches(0, false) as RunFunction)
      isChecked.catch(() => undefined)
      await turns(100)
      const events = await scene.another().read('run/r').toArray()
      expect(events.map(({ type }) => type)).not.toContain('run.diverged')
      expect(events.at(-1)?.type).toBe('run.wait')
    }
  })
})
