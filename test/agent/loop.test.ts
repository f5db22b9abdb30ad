// The loop undisturbed: what it leaves in the journal, what its limits end, what its gate allows.

import { describe, expect, it } from 'vitest'
import { type AgentOutcome, agentEvents, entryOf } from '../../src/agent/agent-event.ts'
import type { ModelRequest } from '../../src/agent/agent-model.ts'
import type { AgentOptions } from '../../src/agent/agent-options.ts'
import type { AgentTool } from '../../src/agent/agent-tool.ts'
import { auditOf, lastCompletedIteration } from '../../src/agent/audit.ts'
import { openQuestions } from '../../src/agent/questions.ts'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { scene } from './scene.ts'

const usage = { inputTokens: 80, outputTokens: 20 }
const echo: AgentTool<{ readonly text: string }> = { effect: 'pure', run: ({ text }) => `<${text}>` }
const say = (text: string) => ({ tool: 'echo', input: { text } })
const forever = scriptedModel(() => ({ actions: [say('on')], usage }))

async function typesOf(journal: HoldfastJournal, id: string): Promise<readonly string[]> {
  const events = await journal.read(`run/${id}`).toArray()
  return events.map(({ type }) => type).filter((type) => type.startsWith('agent.'))
}

/** The outcome of a loop while time passes. */
async function outcomeOf(options: AgentOptions, on = scene()): Promise<AgentOutcome> {
  return (await on.ended(on.another().agent('a', options))) as AgentOutcome
}

describe('the loop', () => {
  // C1.1, C1.7
  it('writes an event at each boundary between phases, the reasoning before the gate is asked', async () => {
    const { another, ended } = scene()
    const journal = another()
    let whenAsked: readonly string[] = []
    const model = scriptedModel([
      { text: 'look', actions: [say('x'), { ...say('y'), id: 'call_7' }], usage },
      { text: 'found', usage },
    ])
    const gate = async () => {
      whenAsked = await typesOf(journal, 'a')
      return 'allow' as const
    }
    const outcome = await ended(journal.agent('a', { model, tools: { echo }, gate, input: 'find it' }))
    expect(outcome).toMatchObject({ reason: 'completed', text: 'found', iterations: 2, tokens: 200 })
    expect(whenAsked).toEqual([agentEvents.started, agentEvents.reasoned])
    expect(await typesOf(journal, 'a')).toEqual([
      agentEvents.started,
      agentEvents.reasoned,
      agentEvents.evaluated,
      agentEvents.dispatched,
      agentEvents.observed,
      agentEvents.reasoned,
      agentEvents.terminated,
    ])
    const entries = (await journal.read('run/a').toArray()).flatMap((event) => entryOf(event) ?? [])
    expect(entries.map(({ agent, iteration }) => [agent, iteration])).toEqual([
      ['a', 0],
      ['a', 1],
      ['a', 1],
      ['a', 1],
      ['a', 1],
      ['a', 2],
      ['a', 2],
    ])
    expect(entries[0]).toMatchObject({
      input: 'find it',
      limits: { iterations: 25, tokens: 100_000, timeMs: 300_000, toolTimeMs: 30_000, toolsAtOnce: 5 },
      tools: [{ name: 'echo', effect: 'pure' }],
    })
    expect(entries[1]).toMatchObject({ actions: [{ id: '1.1' }, { id: '1.2', callId: 'call_7' }], usage })
  })

  it('shows the model what came of what it proposed', async () => {
    const requests: ModelRequest[] = []
    const model = scriptedModel(
      [
        { actions: [say('x'), { tool: 'nothing' }], usage },
        { text: 'done', usage },
      ],
      {
        onCall: (request) => requests.push(request),
      },
    )
    await outcomeOf({ model, tools: { echo }, limits: { iterations: 9 } })
    expect(requests[1]).toMatchObject({
      iteration: 2,
      left: { iterations: 8, tokens: 99_900 },
      history: [
        {
          iteration: 1,
          observations: [
            { id: '1.1', outcome: 'done', result: '<x>' },
            { id: '1.2', outcome: 'failed' },
          ],
        },
      ],
    })
  })

  it('calls at most five tools at once', async () => {
    let running = 0
    let most = 0
    const slow: AgentTool = {
      effect: 'pure',
      async run() {
        running += 1
        most = Math.max(most, running)
        await new Promise<void>((resolve) => setImmediate(resolve))
        running -= 1
      },
    }
    const model = scriptedModel([{ actions: Array.from({ length: 12 }, () => ({ tool: 'slow' })) }, {}])
    expect(await outcomeOf({ model, tools: { slow } })).toMatchObject({ reason: 'completed' })
    expect(most).toBe(5)
  })

  // C1.4
  it('counts complete iterations only', async () => {
    const { another, ended } = scene()
    const journal = another()
    const counts: number[] = []
    const counting: AgentTool = {
      effect: 'pure',
      run: async () => void counts.push(await lastCompletedIteration(journal, 'a')),
    }
    const model = scriptedModel([{ actions: [{ tool: 'counting' }] }, { actions: [{ tool: 'counting' }] }, {}])
    await ended(journal.agent('a', { model, tools: { counting } }))
    expect([...counts, await lastCompletedIteration(journal, 'a')]).toEqual([0, 1, 3])
    expect(await lastCompletedIteration(journal, 'nobody')).toBe(0)
  })
})

describe('a loop ends', () => {
  // C1.9
  it('after its iterations', async () => {
    const outcome = await outcomeOf({ model: forever, tools: { echo } })
    expect(outcome).toMatchObject({ reason: 'max-iterations', iterations: 25, tokens: 2_500 })
  })

  it('after its tokens, without doing what the answer past them proposes', async () => {
    const outcome = await outcomeOf({ model: forever, tools: { echo }, limits: { tokens: 250 } })
    expect(outcome).toMatchObject({ reason: 'max-tokens', iterations: 2, tokens: 300 })
  })

  it('after its time at work, and a model that never answers ends with it', async () => {
    const on = scene()
    const slow: AgentTool = {
      effect: 'pure',
      run: () => new Promise<void>((resolve) => on.clock.after(40_000, resolve)),
      timeoutMs: 50_000,
    }
    const model = scriptedModel(() => ({ actions: [{ tool: 'slow' }], usage }))
    const outcome = await outcomeOf({ model, tools: { slow }, limits: { time: '100s' } }, on)
    expect(outcome).toMatchObject({ reason: 'timeout' })
    expect(outcome).toMatchObject({ iterations: 3, ms: 100_000 })
    const silent = await outcomeOf({ model: () => new Promise(() => undefined), limits: { time: '1m' } })
    expect(silent).toMatchObject({ reason: 'timeout', iterations: 0, ms: 60_000, error: { code: 'STEP_TIMEOUT' } })
  })

  it('when a tool hangs, by the time that a tool has', async () => {
    const hanging: AgentTool = { effect: 'pure', run: () => new Promise(() => undefined), recovery: [] }
    const model = scriptedModel([
      { actions: [{ tool: 'hanging' }] },
      ({ history }) => ({ text: history[0]?.observations[0]?.outcome ?? '' }),
    ])
    const outcome = await outcomeOf({ model, tools: { hanging } })
    expect(outcome).toMatchObject({ reason: 'completed', text: 'failed' })
    expect(outcome.ms).toBeGreaterThanOrEqual(30_000)
    expect(outcome.ms).toBeLessThan(40_000)
  })

  it('with an error of the model or of the gate', async () => {
    let calls = 0
    const model = () => {
      calls += 1
      throw Object.assign(new Error('overloaded'), { code: 529 })
    }
    expect(await outcomeOf({ model })).toMatchObject({ reason: 'error', error: { message: 'overloaded', code: '529' } })
    expect(calls).toBe(3)
    const none = await outcomeOf({ model: (() => 'text') as never })
    expect(none).toMatchObject({ reason: 'error', error: { code: 'INVALID_ARGUMENT' } })
    const acted: unknown[] = []
    const tools = { act: { effect: 'pure', run: (input: unknown) => void acted.push(input) } } as const
    const gate = () => {
      throw new Error('no policy')
    }
    const closed = await outcomeOf({ model: scriptedModel([{ actions: [{ tool: 'act' }] }]), tools, gate })
    expect(closed).toMatchObject({ reason: 'error', error: { message: 'no policy' } })
    expect(acted).toEqual([])
  })

  it('with a cancellation of the run, and says so', async () => {
    const { another, ended } = scene()
    const journal = another()
    const gate = () => 'ask' as const
    const running = journal.agent('a', { model: forever, tools: { echo }, gate })
    let isCancelled = false
    const error = await ended(running, async () => {
      if (isCancelled || (await openQuestions(journal)).length === 0) return
      isCancelled = true
      await journal.cancel('a')
    })
    expect(error).toMatchObject({ code: 'RUN_CANCELLED' })
    const [last] = await auditOf(journal, 'a', { last: 1 })
    expect(last).toMatchObject({ type: agentEvents.terminated, details: { reason: 'cancelled', iterations: 0 } })
    expect(await openQuestions(journal, 'a')).toEqual([])
  })

  it('is refused for options that make no sense', async () => {
    const { another } = scene()
    const refused = (options: object) => another().agent(JSON.stringify(options), options as AgentOptions)
    await expect(refused({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(refused({ model: forever, limits: { tokens: 0 } })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const tools = { bad: { effect: 'sometimes', run: () => 1 } }
    await expect(refused({ model: forever, tools })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const verified = { bad: { effect: 'pure', run: () => 1, verify: () => 'unknown' } }
    await expect(refused({ model: forever, tools: verified })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(refused({ model: forever, recovery: ['pray'] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('the gate', () => {
  const three = scriptedModel([
    { actions: [say('a'), say('b'), say('c')] },
    ({ history }) => ({ text: JSON.stringify(history[0]?.observations.map(({ outcome, error }) => [outcome, error])) }),
  ])

  // C1.11
  it('allows, denies, and has a person asked; the model sees what was denied', async () => {
    const { another, ended } = scene()
    const journal = another()
    const gate: AgentOptions['gate'] = ({ input }) => {
      const { text } = input as { readonly text: string }
      if (text === 'b') return { decision: 'deny', reason: 'not b' }
      return text === 'c' ? { decision: 'ask', question: 'c?' } : 'allow'
    }
    const outcome = await ended(journal.agent('a', { model: three, tools: { echo }, gate }), async () => {
      const [question] = await openQuestions(journal)
      if (question === undefined) return
      expect(question).toMatchObject({ run: 'a', kind: 'approval', question: 'c?', action: { input: { text: 'c' } } })
      await another().signal('a', question.signal, { approve: true, by: 'ada' }, { commandId: question.signal })
    })
    expect(outcome).toMatchObject({ text: '[["done",null],["denied","not b"],["done",null]]' })
    const [dispatched] = await journal.read('run/a', { types: agentEvents.dispatched }).toArray()
    expect(dispatched?.data).toMatchObject({ result: { dispatched: ['1.1', '1.3'], denied: [{ id: '1.2' }] } })
  })

  it('takes no answer, silence and a refusal for a denial', async () => {
    const { another, ended } = scene()
    const journal = another()
    const gate = () => ({ decision: 'ask', timeout: '1m' }) as const
    const answers: readonly unknown[] = [{ approve: 'yes' }, { approve: false, reason: 'too dear' }]
    let given = 0
    const outcome = await ended(journal.agent('a', { model: three, tools: { echo }, gate }), async () => {
      const questions = await openQuestions(journal)
      if (questions.length < 3) return
      for (const answer of answers) await journal.signal('a', questions[given++]?.signal ?? '', answer)
    })
    const told = [
      ['denied', 'a person denied it'],
      ['denied', 'too dear'],
      ['denied', 'nobody answered in time'],
    ]
    expect(outcome).toMatchObject({ text: JSON.stringify(told) })
    expect((outcome as AgentOutcome).ms).toBe(0)
  })

  it('ends the loop by a denial that says so, or when all is denied three times in a row', async () => {
    const ending = await outcomeOf({ model: three, tools: { echo }, gate: () => ({ decision: 'deny', ends: true }) })
    expect(ending).toMatchObject({ reason: 'policy-denial', iterations: 0 })
    const stubborn = await outcomeOf({ model: forever, tools: { echo }, gate: () => 'deny' })
    expect(stubborn).toMatchObject({ reason: 'policy-denial', iterations: 3 })
  })
})
