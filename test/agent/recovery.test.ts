// C1.10: what is done about a tool that fails, and that it is journaled.

import { describe, expect, it } from 'vitest'
import { type AgentOutcome, agentEvents, entryOf, type RecoveringEntry } from '../../src/agent/agent-event.ts'
import type { AgentTool } from '../../src/agent/agent-tool.ts'
import { deadLetters, openQuestions } from '../../src/agent/questions.ts'
import type { Recovery } from '../../src/agent/recovery.ts'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { scene } from './scene.ts'

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
