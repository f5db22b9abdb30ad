// C1.8, C1.9: a loop of four iterations with tools at the same time, a failure, a denial, a person's approval and another
// agent below it is killed before each of its appends. It ends as if it had not been, and whatever was durable by then is
// not done again.

import { describe, expect, it } from 'vitest'
import { type AgentOutcome, agentEvents, entryOf, type ReasonedEntry } from '../../src/agent/agent-event.ts'
import type { AgentOptions } from '../../src/agent/agent-options.ts'
import { auditOf } from '../../src/agent/audit.ts'
import { openQuestions } from '../../src/agent/questions.ts'
import { HoldfastError } from '../../src/errors.ts'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { dyingStore } from '../../src/testing/cut-off-scene.ts'
import { type ScriptedReply, scriptedModel } from '../../src/testing/scripted-model.ts'
import { scene } from './scene.ts'

const usage = { inputTokens: 90, outputTokens: 10 }
const search = (q: string) => ({ tool: 'search', input: { q } })

const script: readonly ScriptedReply[] = [
  { text: 'look around', actions: [search('a'), search('b'), search('c')], usage },
  { text: 'try', actions: [{ tool: 'flaky' }, { tool: 'drop', input: { table: 'all' } }], usage },
  {
    text: 'pay and check',
    actions: [
      { tool: 'pay', input: { amount: 5 } },
      { tool: 'critic', input: 'x' },
    ],
    usage,
  },
  ({ history }) => ({ text: JSON.stringify(history.map(({ observations }) => observations)), usage }),
]

/** Every call of the model and of a tool, as the world sees it. */
function agentOf(calls: string[], limits: AgentOptions['limits'] = {}): AgentOptions {
  const did = (call: string): void => void calls.push(call)
  return {
    model: scriptedModel(script, { onCall: ({ iteration }) => did(`model ${iteration}`) }),
    tools: {
      search: {
        effect: 'idempotent',
        async run(input) {
          const { q } = input as { readonly q: string }
          did(`search ${q}`)
          return `hits for ${q}`
        },
      },
      flaky: {
        effect: 'idempotent',
        run(_, { key }) {
          did('flaky')
          // The first attempt of the loop, however often it was begun.
          if (!key.endsWith('#2')) throw new Error('not now')
          return 'in the end'
        },
      },
      drop: { effect: 'once', run: () => did('drop') },
      pay: {
        effect: 'once',
        run(_, { idempotencyKey }) {
          did(`pay ${idempotencyKey}`)
          return 'paid'
        },
        verify: (_, { idempotencyKey }) =>
          calls.includes(`pay ${idempotencyKey}`) ? { done: true, result: 'paid' } : { done: false },
      },
    },
    agents: { critic: { model: scriptedModel([{ text: 'fine', usage }], { onCall: () => did('critic') }) } },
    gate: ({ tool }) => {
      did(`gate ${tool}`)
      if (tool === 'drop') return { decision: 'deny', reason: 'never drop' }
      return tool === 'pay' ? { decision: 'ask', question: 'Pay 5?' } : 'allow'
    },
    limits,
    input: 'go',
  }
}

interface Played {
  readonly outcome: unknown
  readonly calls: readonly string[]
  /** Calls of the model whose answer was durable when it died. */
  readonly answered: readonly string[]
  /** Events of the loop, of both lives. */
  readonly entries: readonly string[]
  readonly appends: number
}

interface Playing {
  readonly limits?: AgentOptions['limits']
  /** In place of the approval. */
  readonly isCancelled?: boolean
}

async function play(dieAt: number, { limits, isCancelled = false }: Playing = {}): Promise<Played> {
  const { another, store, ended } = scene()
  const calls: string[] = []
  const driven = (journal: HoldfastJournal): Promise<unknown> =>
    ended(journal.agent('a', agentOf(calls, limits)), async () => {
      for (const { signal } of await openQuestions(another())) {
        if (isCancelled) await another().cancel('a', { commandId: 'cancel' })
        else await another().signal('a', signal, { approve: true, by: 'ada' }, { commandId: signal })
      }
    })
  let outcome = await driven(another(dyingStore(store, dieAt)))
  const answered = await answers(another())
  if (outcome instanceof HoldfastError && outcome.code === 'CLOSED') outcome = await driven(another())
  const audit = await auditOf(another(), 'a', { last: 1_000 })
  const { seq: appends } = await another().head('run/a')
  return { outcome, calls, answered, appends, entries: audit.map(({ type, agent }) => `${agent} ${type}`) }
}

async function answers(journal: HoldfastJournal): Promise<readonly string[]> {
  const events = await journal.read('run/a', { types: agentEvents.reasoned }).toArray()
  return events.flatMap((event) => {
    const entry = entryOf(event) as ReasonedEntry | undefined
    if (entry === undefined) return []
    return entry.agent === 'a' ? [`model ${entry.iteration}`] : ['critic']
  })
}

describe('a loop that is killed before any of its appends', () => {
  it('ends as if it had not been, and asks for no answer again that was durable', { timeout: 120_000 }, async () => {
    const undisturbed = await play(Number.POSITIVE_INFINITY)
    expect(undisturbed.outcome).toMatchObject({ reason: 'completed', iterations: 4, tokens: 500 })
    expect(undisturbed.calls).toContain('pay a/3.1/pay')
    expect(undisturbed.calls).not.toContain('drop')
    expect(undisturbed.appends).toBeGreaterThan(25)
    for (let dieAt = 1; dieAt <= undisturbed.appends; dieAt += 1) {
      const { outcome, calls, answered, entries } = await play(dieAt)
      const where = `killed before append ${dieAt}`
      expect(told(outcome), where).toEqual(told(undisturbed.outcome))
      expect([...entries].sort(), where).toEqual([...undisturbed.entries].sort())
      for (const call of answered) expect(calls.filter((one) => one === call).length, `${call}, ${where}`).toBe(1)
      expect(calls.filter((one) => one.startsWith('pay')).length, where).toBe(1)
      expect(calls, where).not.toContain('drop')
    }
  })

  it.each([
    ['iterations', { iterations: 3 }, 'max-iterations'],
    ['tokens', { tokens: 250 }, 'max-tokens'],
  ] as const)('holds its limit of %s', { timeout: 120_000 }, async (_name, limits, reason) => {
    const undisturbed = await play(Number.POSITIVE_INFINITY, { limits })
    expect(undisturbed.outcome).toMatchObject({ reason })
    for (let dieAt = 1; dieAt <= undisturbed.appends; dieAt += 1) {
      const { outcome, entries } = await play(dieAt, { limits })
      expect(told(outcome), `killed before append ${dieAt}`).toEqual(told(undisturbed.outcome))
      expect(entries.filter((entry) => entry === `a ${agentEvents.terminated}`)).toHaveLength(1)
      expect(entries.at(-1)).toBe(`a ${agentEvents.terminated}`)
    }
  })

  it('says that it was cancelled, once', { timeout: 120_000 }, async () => {
    const undisturbed = await play(Number.POSITIVE_INFINITY, { isCancelled: true })
    for (let dieAt = 1; dieAt <= undisturbed.appends; dieAt += 1) {
      const { outcome, entries, calls } = await play(dieAt, { isCancelled: true })
      const where = `killed before append ${dieAt}`
      expect(outcome, where).toMatchObject({ code: 'RUN_CANCELLED' })
      expect(entries.filter((entry) => entry === `a ${agentEvents.terminated}`).length, where).toBe(1)
      expect(
        calls.filter((call) => call.startsWith('pay')),
        where,
      ).toEqual([])
    }
  })

  it('keeps the limits that it began with, whatever the code says by then', async () => {
    const { another, store, ended } = scene()
    const forever = { model: scriptedModel(() => ({ actions: [search('x')], usage })), tools: agentOf([]).tools ?? {} }
    const began = another(dyingStore(store, 12)).agent('a', { ...forever, limits: { iterations: 4 } })
    expect(await ended(began)).toMatchObject({ code: 'CLOSED' })
    const outcome = await ended(another().agent('a', { ...forever, limits: { iterations: 9 } }))
    expect(outcome).toMatchObject({ reason: 'max-iterations', iterations: 4 })
  })
})

/** Time aside: what a killed process was working on when it died is not counted. */
function told(outcome: unknown): unknown {
  const { ms: _, ...rest } = outcome as AgentOutcome
  return rest
}
