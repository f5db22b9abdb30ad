// C1.12, C1.13: agents that start agents stand in one timeline, and people see it without secrets.

import { describe, expect, it } from 'vitest'
import { agentEvents, type StartedEntry } from '../../src/agent/agent-event.ts'
import type { AgentOptions } from '../../src/agent/agent-options.ts'
import type { AgentTool } from '../../src/agent/agent-tool.ts'
import { auditOf, lastCompletedIteration } from '../../src/agent/audit.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { scene } from './scene.ts'

const usage = { inputTokens: 80, outputTokens: 20 }
const echo: AgentTool<{ readonly text: string }> = { effect: 'pure', run: ({ text }) => `<${text}>` }
const say = (text: string) => ({ tool: 'echo', input: { text } })

describe('delegation', () => {
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

  it('to several at a time sets aside for each what it may spend, and gives back what it did not', async () => {
    const { another, ended } = scene()
    const journal = another()
    const spender = { model: scriptedModel(() => ({ actions: [say('x')], usage })), tools: { echo } }
    const modest = { model: scriptedModel([{ text: 'done', usage }]), limits: { tokens: 150 } }
    const model = scriptedModel([
      { actions: ['modest', 'spender', 'spender'].map((tool) => ({ tool })), usage },
      { actions: [{ tool: 'modest' }], usage },
      { text: 'end', usage },
    ])
    const limits = { tokens: 1_300, iterations: 9 }
    const outcome = await ended(journal.agent('a', { model, agents: { spender, modest }, limits }))
    const started = await journal.read('run/a', { types: agentEvents.started }).toArray()
    const told = started.map(({ data }) => (data as { readonly result: StartedEntry }).result)
    const tokens = told.map(({ agent, limits: { tokens } }) => [agent, tokens])
    // 1,200 are left by the first answer: 150 for the modest one, and the rest in two halves.
    expect(tokens).toEqual([
      ['a', 1_300],
      ['a/modest-1.1', 150],
      ['a/spender-1.2', 525],
      ['a/spender-1.3', 525],
    ])
    // Each spender stops with the answer by which it is over: 600 and 600, with 100 each of the modest one and of the first.
    expect(outcome).toMatchObject({ reason: 'max-tokens', tokens: 1_400 })
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
    const { another, ended } = scene()
    // Each delegates, and tells what came of it.
    const model = scriptedModel(({ history }) => {
      const seen = history[0]?.observations[0]
      return seen === undefined ? { actions: [{ tool: 'next' }] } : { text: `(${seen.result ?? seen.outcome})` }
    })
    const agents = { next: { model, agents: {} as AgentOptions['agents'] } }
    agents.next.agents = agents as AgentOptions['agents']
    const outcome = await ended(another().agent('a', { model, agents: agents as NonNullable<AgentOptions['agents']> }))
    expect(outcome).toMatchObject({ text: '((((failed))))' })
  })
})

describe('the audit view', () => {
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
