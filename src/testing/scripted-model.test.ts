// A scripted model answers by its script, its seed and the request alone, so that a resumed loop is answered the same.

import { describe, expect, it } from 'vitest'
import type { ModelRequest } from '../agent/agent-model.ts'
import { StepContext } from '../runs/step-context.ts'
import { type ScriptedReply, scriptedModel } from './scripted-model.ts'

const context = new StepContext({ key: 'reason', attempt: 1 })

function request(iteration: number): ModelRequest {
  const left = { iterations: 5, tokens: 100, ms: 1_000 }
  return { agent: 'a', iteration, input: 'x', history: [], tools: [], left }
}

describe('a scripted model', () => {
  const script: readonly ScriptedReply[] = [
    { text: 'one', actions: [{ tool: 't' }] },
    ({ iteration }, chance) => ({ text: `${iteration} ${chance.below(1_000_000)}` }),
  ]

  it('gives the same reply to the same request, whatever came before', async () => {
    const replies = async (order: readonly number[], seed: number) => {
      const model = scriptedModel(script, { seed })
      const given = new Map<number, unknown>()
      for (const iteration of order) given.set(iteration, await model(request(iteration), context))
      return [given.get(1), given.get(2), given.get(3)]
    }
    const forwards = await replies([1, 2, 3], 4)
    expect(await replies([3, 2, 2, 1], 4)).toEqual(forwards)
    expect((await replies([1, 2, 3], 5))[1]).not.toEqual(forwards[1])
    expect(forwards).toMatchObject([{ text: 'one' }, { usage: { inputTokens: expect.any(Number) } }, {}])
  })

  it('tells of each call before it replies, and fails with what that throws', async () => {
    const model = scriptedModel(() => ({ text: 'x', usage: { outputTokens: 1 } }), {
      onCall: ({ iteration }) => {
        if (iteration === 2) throw new RangeError('busy')
      },
    })
    expect(await model(request(1), context)).toEqual({ text: 'x', usage: { outputTokens: 1 } })
    await expect(model(request(2), context)).rejects.toBeInstanceOf(RangeError)
  })
})
