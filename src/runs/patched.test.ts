// Going on with changed code: patch marks, and steps that have another name.

import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../errors.ts'
import { type Body, cutOff, goOn, inTurn, type RunScene, runScene, step, turns } from '../testing/cut-off-scene.ts'
import type { RunFunction } from './runs.ts'

const plan = inTurn('a', 'b', 'c', 'd')

describe('run.patched', () => {
  const changed: Body = async (run) => {
    const isNew = run.patched('x')
    await step(run, 'a')
    if (isNew) await step(run, 'x')
    return step(run, 'b')
  }
  const keys = async (scene: RunScene): Promise<unknown[]> =>
    (await scene.another().read('run/r', { types: 'run.step' }).toArray()).map(
      ({ data }) => (data as { key: string }).key,
    )

  it('is true in a new run, and stays it', async () => {
    for (let dieAt = 2; dieAt <= 5; dieAt += 1) {
      const scene = runScene()
      await cutOff(scene, changed, dieAt)
      expect(await goOn(scene, changed)).toBe('b')
      expect(await keys(scene)).toEqual(['a', 'x', 'b'])
    }
  })

  it('costs no event', async () => {
    const scene = runScene()
    await goOn(scene, changed)
    expect(await scene.another().head('run/r')).toMatchObject({ seq: 5 })
  })

  it('is false in a run that is past it, and true in one that has not come there', async () => {
    const before = inTurn('a', 'b', 'c')
    const late: Body = async (run) => {
      await step(run, 'a')
      if (run.patched('x')) await step(run, 'x')
      await step(run, 'b')
      return step(run, 'c')
    }
    const keysAfter = async (dieAt: number): Promise<unknown[]> => {
      const scene = runScene()
      await cutOff(scene, before, dieAt)
      await cutOff(scene, late, 3)
      expect(await goOn(scene, late)).toBe('c')
      return keys(scene)
    }
    expect(await keysAfter(3)).toEqual(['a', 'x', 'b', 'c'])
    expect(await keysAfter(4)).toEqual(['a', 'b', 'c'])
  })

  it('answers the same wherever it is asked in a run, and may be taken out again', async () => {
    const rounds: Body = async (run) => {
      const answers: boolean[] = []
      for (const name of ['a', 'b', 'c']) {
        await step(run, name)
        answers.push(run.patched('p'))
      }
      return answers
    }
    const scene = runScene()
    await cutOff(scene, plan, 4)
    expect(await goOn(scene, rounds)).toEqual([false, false, false])
    const other = runScene()
    await cutOff(other, rounds, 4)
    expect(await goOn(other, plan)).toBe('d')
  })

  it('knows what the record says of steps that went at the same time', async () => {
    const body =
      (isPatched: boolean): Body =>
      async (run) => {
        const branch = async (name: string): Promise<unknown> => {
          await step(run, name)
          if (isPatched && run.patched(`of ${name}`)) return step(run, `new ${name}`)
          return step(run, `old ${name}`)
        }
        return Promise.all(['a', 'b', 'c', 'd', 'e'].map(branch))
      }
    for (let dieAt = 2; dieAt <= 11; dieAt += 1) {
      const scene = runScene()
      await cutOff(scene, body(false), dieAt)
      const result = await goOn(scene, body(true))
      expect(result).toBeInstanceOf(Array)
      // A branch that had asked for the old one gets it.
      const done = (await keys(scene)).filter((key) => !/^[a-e]$/.test(String(key)))
      expect([...(result as string[])].sort()).toEqual([...(done as string[])].sort())
      const again = runScene()
      await cutOff(again, body(true), dieAt)
      expect(await goOn(again, body(true))).toEqual(['new a', 'new b', 'new c', 'new d', 'new e'])
    }
  })
})

describe('what was renamed', () => {
  it('is read under its new name, in any scope and as often as it stands there', async () => {
    const body =
      (name: string, signal: string): Body =>
      async (run) => {
        const results = [await step(run, name), await step(run, name)]
        results.push(await run.scope('#1 » inner', (inner) => step(inner, name)))
        results.push(await run.wait(signal))
        return [...results, await step(run, name)]
      }
    const scene = runScene()
    const journal = scene.another()
    journal.run('r', body('find#1', 'go')).catch(() => undefined)
    await turns(50)
    await journal.signal('r', 'go', 'now')
    expect(await goOn(scene, body('search', 'start'))).toMatchObject({
      code: 'RUN_DIVERGED',
      details: {
        recorded: ['find##1'],
        attempted: ['search'],
      },
    })
    const renamed = { 'find#1': 'search', go: 'start' }
    const result = await goOn(scene, body('search', 'start'), { renamed })
    expect(result).toEqual(['find#1', 'find#1', 'find#1', 'now', 'search'])
    expect(() => scene.another().run('q', plan as RunFunction, { renamed: { a: 'c', b: 'c' } })).toThrow(HoldfastError)
  })
})
