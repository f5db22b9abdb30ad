// The loop undisturbed: what it leaves in the journal, what its limits end, what its gate allows, how it recovers.

import { describe, expect, it } from 'vitest'
import { type AgentOutcome, agentEvents, entryOf, type RecoveringEntry } from '../../src/agent/agent-event.ts'
import type { ModelRequest } from '../../src/agent/agent-model.ts'
import type { AgentOptions } from '../../src/agent/agent-options.ts'
import type { AgentTool } from '../../src/agent/agent-tool.ts'
import { auditOf, lastCompletedIteration } from '../../src/agent/audit.ts'
import { deadLetters, openQuestions } from '../../src/agent/questions.ts'
import type { Recovery } from '../../src/agent/recovery.ts'
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

describe('a tool that fails', () => {
  interface Played {
    readonly outcome: string
    readonly strategies: readonly Partial<RecoveringEntry>[]
    readonly keys: readonly string[]
    readonly journal: HoldfastJournal
  }

  /** A loop that calls a tool once a time for each verdict on its attempts; the last call is what is told. */
  async function play(
    attempts: readonly boolean[],
    recovery: readonly Recovery[] | undefined,
    meanwhile?: (journal: HoldfastJournal) => Promise<unknown>,
    { calls = 1, effect = 'idempotent' }: { readonly calls?: number; readonly effect?: 'idempotent' | 'once' } = {},
  ): Promise<Played> {
    const { another, ended } = scene()
    const journal = another()
    const left = [...attempts]
    const keys: string[] = []
    const flaky: AgentTool = {
      effect,
      run(_, { idempotencyKey }) {
        keys.push(idempotencyKey)
        if (left.shift() === true) return 'good'
        throw new Error(`${left.length} left`)
      },
    }
    const model = scriptedModel((request) => {
      if (request.iteration <= calls) return { actions: [{ tool: 'flaky', input: { n: 1 } }] }
      const last = request.history.at(-1)?.observations[0]
      return { text: `${last?.outcome}: ${last?.result ?? last?.error}` }
    })
    const tools = { flaky, other: { effect: 'pure', run: () => 'other' } satisfies AgentTool }
    const options = { model, tools, ...(recovery === undefined ? {} : { recovery }) }
    const ended_ = await ended(journal.agent('a', options), meanwhile && (() => meanwhile(journal)))
    const told = await journal.read('run/a', { types: agentEvents.recovering }).toArray()
    const strategies = told.flatMap((event) => (entryOf(event) as RecoveringEntry | undefined) ?? [])
    return { outcome: String((ended_ as AgentOutcome).text), strategies, keys, journal }
  }

  // C1.10
  it('is tried again twice, with the same key, and then the model is told', async () => {
    const mended = await play([false, false, true], undefined)
    expect(mended.outcome).toBe('done: good')
    expect(mended.strategies).toMatchObject([
      { strategy: 'retry', attempt: 1, id: '1.1', tool: 'flaky', error: { message: '2 left' } },
      { strategy: 'retry', attempt: 2 },
    ])
    expect(new Set(mended.keys).size).toBe(1)
    const failed = await play([false, false, false], undefined)
    expect(failed.outcome).toBe('failed: 0 left')
    expect(failed.strategies.map(({ strategy }) => strategy)).toEqual(['retry', 'retry', 'ask-model'])
  })

  it('is not tried again unasked when it may not be done twice', async () => {
    const { keys, strategies } = await play([false], undefined, undefined, { effect: 'once' })
    expect(keys).toHaveLength(1)
    expect(strategies).toMatchObject([{ strategy: 'ask-model' }])
  })

  it('has another tool in its place', async () => {
    const { outcome, strategies } = await play([false], [{ use: 'fallback', tool: 'other' }])
    expect(outcome).toBe('done: other')
    expect(strategies).toMatchObject([{ strategy: 'fallback', fallback: 'other' }])
    const none = await play([false], [{ use: 'fallback', tool: 'nobody' }, 'ask-model'])
    expect(none.strategies.map(({ strategy }) => strategy)).toEqual(['fallback', 'ask-model'])
  })

  it('gives what it gave before, if that is not too old', async () => {
    const fresh = await play([true, false], [{ use: 'cached', maxAge: '1h' }], undefined, { calls: 2 })
    expect(fresh.outcome).toBe('done: good')
    expect(fresh.strategies).toMatchObject([{ strategy: 'cached' }])
    const stale = await play([true, false], [{ use: 'cached', maxAge: 0 }], undefined, { calls: 2 })
    expect(stale).toMatchObject({ outcome: 'failed: 0 left', strategies: [] })
  })

  it.each([
    ['with a result', { result: 'by hand' }, 'done: by hand'],
    ['by another try', { retry: true }, 'done: good'],
    ['by giving up', { fail: 'no use' }, 'failed: no use'],
  ])('waits for a person, who ends it %s', async (_name, answer, expected) => {
    const answering = async (journal: HoldfastJournal) => {
      for (const { signal, kind, queue } of await openQuestions(journal)) {
        expect([kind, queue]).toEqual(['escalation', 'ops'])
        await journal.signal('a', signal, answer, { commandId: signal })
      }
    }
    const { outcome, strategies } = await play([false, true], [{ use: 'escalate', queue: 'ops' }], answering)
    expect(outcome).toBe(expected)
    expect(strategies).toMatchObject([{ strategy: 'escalate', queue: 'ops', signal: 'escalation:1.1' }])
  })

  it('is put aside when the person doesn’t come', async () => {
    const { outcome, journal } = await play([false], [{ use: 'escalate', queue: 'ops', timeout: '1m' }, 'dead-letter'])
    expect(outcome).toBe('failed: 0 left')
    expect(await openQuestions(journal)).toEqual([])
    expect(await deadLetters(journal)).toMatchObject([{ run: 'a', tool: 'flaky', id: '1.1', input: { n: 1 } }])
    expect(await deadLetters(journal, 'other')).toEqual([])
  })
})

describe('delegation', () => {
  // C1.13
  it('starts another agent under a name of its own, in the same timeline, and both have spent what it spent', async () => {
    const { another, ended } = scene()
    const journal = another()
    const critic = {
      description: 'Judges a text.',
      model: scriptedModel(({ input }) => ({ text: `fine: ${JSON.stringify(input)}`, usage })),
    }
    const model = scriptedModel([
      { actions: [{ tool: 'critic', input: 'draft' }], usage },
      ({ history }) => ({ text: String(history[0]?.observations[0]?.result), usage }),
    ])
    const outcome = await ended(journal.agent('a', { model, agents: { critic } }))
    expect(outcome).toMatchObject({ reason: 'completed', text: 'fine: "draft"', tokens: 300 })
    const timeline = await auditOf(journal, 'a')
    expect(timeline.map(({ agent, type }) => `${agent} ${type}`)).toEqual([
      `a ${agentEvents.started}`,
      `a ${agentEvents.reasoned}`,
      `a ${agentEvents.evaluated}`,
      `a ${agentEvents.dispatched}`,
      `a/critic-1.1 ${agentEvents.started}`,
      `a/critic-1.1 ${agentEvents.reasoned}`,
      `a/critic-1.1 ${agentEvents.terminated}`,
      `a ${agentEvents.observed}`,
      `a ${agentEvents.reasoned}`,
      `a ${agentEvents.terminated}`,
    ])
    expect(timeline[4]?.details).toMatchObject({ parent: 'a', depth: 1, limits: { tokens: 99_900 } })
    expect(await auditOf(journal, 'a', { agent: 'a/critic-1.1' })).toHaveLength(3)
    expect(await lastCompletedIteration(journal, 'a', 'a/critic-1.1')).toBe(1)
  })

  it('is no way around the gate', async () => {
    const clerk = { model: scriptedModel([{ actions: [say('x')] }, {}]), tools: { echo } }
    const model = scriptedModel([{ actions: [{ tool: 'clerk' }] }, {}])
    const { another, ended } = scene()
    const journal = another()
    const gate: AgentOptions['gate'] = ({ tool }) => (tool === 'echo' ? 'deny' : 'allow')
    await ended(journal.agent('a', { model, agents: { clerk }, gate }))
    const dispatched = (await auditOf(journal, 'a')).filter(({ type }) => type === agentEvents.dispatched)
    expect(dispatched.map(({ details }) => details)).toMatchObject([
      { dispatched: ['1.1'] },
      { dispatched: [], denied: [{ id: '1.1/1.1' }] },
    ])
  })

  it('goes three deep and no deeper', async () => {
    // Each delegates, and tells what came of it.
    const model = scriptedModel(({ history }) => {
      const seen = history[0]?.observations[0]
      return seen === undefined ? { actions: [{ tool: 'next' }] } : { text: `(${seen.result ?? seen.outcome})` }
    })
    const agents = { next: { model, agents: {} as AgentOptions['agents'] } }
    agents.next.agents = agents as AgentOptions['agents']
    const outcome = await outcomeOf({ model, agents: agents as NonNullable<AgentOptions['agents']> })
    expect(outcome.text).toBe('((((failed))))')
  })
})

describe('the audit view', () => {
  // C1.12
  it('shows the last twenty entries, hides what is sensitive, cuts what is long, and says so', async () => {
    const { another, ended } = scene()
    const journal = another()
    const secret = { url: 'https://x', apiKey: 'k-123', nested: { 'Access-Token': 't', tokens: 5 } }
    const model = scriptedModel((request) => {
      if (request.iteration < 8) return { actions: [say('x')] }
      if (request.iteration === 8) return { actions: [{ tool: 'echo', input: { text: 'y'.repeat(500), ...secret } }] }
      return {}
    })
    await ended(journal.agent('a', { model, tools: { echo } }))
    const audit = await auditOf(journal, 'a')
    expect(audit).toHaveLength(20)
    const long = audit.find(({ type, iteration }) => type === agentEvents.reasoned && iteration === 8)
    expect(long).toMatchObject({ isCut: true, isRedacted: true })
    expect(long?.details).toMatchObject({
      actions: [
        { input: { url: 'https://x', apiKey: '[redacted]', nested: { 'Access-Token': '[redacted]', tokens: 5 } } },
      ],
      usage: { inputTokens: expect.any(Number) },
    })
    expect(JSON.stringify(long).length).toBeLessThan(800)
    expect(audit.filter(({ isCut }) => isCut)).toHaveLength(1)
    // The journal itself keeps all of it.
    const [kept] = await journal.read('run/a', { types: agentEvents.reasoned, direction: 'backward' }).toArray()
    expect(kept).toBeDefined()
    const stored = await journal.read('run/a', { types: agentEvents.reasoned }).toArray()
    expect(stored[7]?.data).toMatchObject({
      result: { actions: [{ input: { apiKey: 'k-123', text: 'y'.repeat(500) } }] },
    })
    expect(await auditOf(journal, 'a', { last: 0 })).toEqual([])
    const more = await auditOf(journal, 'a', { last: 100, sensitive: ['url'], lengthMax: 1_000 })
    expect(more.filter(({ isCut }) => isCut)).toEqual([])
    expect(JSON.stringify(more)).not.toContain('https://x')
  })
})
