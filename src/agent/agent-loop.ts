// The loop of an agent as part of a durable run: reason → gate → act → observe, until the model proposes nothing more or a
// limit is reached. A tour:
//
//   agent-event.ts   what it leaves in the journal      agent-model.ts, agent-tool.ts   what its author brings
//   policy-gate.ts   who decides                        perform-action.ts, recovery.ts   acting, and failing
//   agent-limits.ts, spending.ts   what it may use up   delegation.ts   agents that start agents
//   audit.ts, questions.ts   what people look at
//
// Invariants: every boundary between two phases is an event of the run, so a loop that is cut off anywhere goes on from the
// last one: no answer of the model that was recorded is asked for again. What a loop does follows from its recorded
// entries alone, its limits included. However it ends, `agent.terminated` says so, once.

import { isHoldfastError, never } from '../errors.ts'
import { systemClock } from '../host/clock.ts'
import { invalidArgument } from '../journal/argument.ts'
import type { RetryOptions } from '../runs/retry.ts'
import type { Run } from '../runs/run.ts'
import type { StepContext } from '../runs/step-context.ts'
import { type Observation, type ProposedAction, summaryOf } from './agent-action.ts'
import {
  type AgentOutcome,
  agentEvents,
  type EvaluatedEntry,
  type ObservedEntry,
  type ReasonedEntry,
  type StartedEntry,
  type TerminationReason,
} from './agent-event.ts'
import { limitsOf } from './agent-limits.ts'
import { checkReply, type ModelRequest } from './agent-model.ts'
import type { AgentOptions } from './agent-options.ts'
import { checkTools } from './agent-tool.ts'
import { Allowance } from './allowance.ts'
import { delegate } from './delegation.ts'
import { type Lineage, type LoopFrame, stampOf } from './loop-frame.ts'
import { performAction } from './perform-action.ts'
import { allowAll, evaluate, type Settled, settleVerdict } from './policy-gate.ts'
import { recoveryPlan } from './recovery.ts'
import { ResultCache } from './result-cache.ts'
import { Spending } from './spending.ts'
import { WorkTime } from './work-time.ts'

/** Runs an agent's loop within a run, and resolves with how it ended, whatever the reason; it rejects only when the run is
 * cancelled, or for options that make no sense. */
export function runAgent(run: Run, options: AgentOptions): Promise<AgentOutcome> {
  return run.scope('agent', (inner) => runLoop(inner, options, { depth: 0, idPrefix: '' }))
}

async function runLoop(run: Run, options: AgentOptions, lineage: Lineage): Promise<AgentOutcome> {
  const { model, tools = {}, agent = run.id, agents = {} } = options
  if (typeof model !== 'function') throw invalidArgument('model', 'a function')
  checkTools(tools)
  const recovery = options.recovery === undefined ? undefined : recoveryPlan(options.recovery)
  const { parent, depth } = lineage
  const started: StartedEntry = await run.record(agentEvents.started, {
    agent,
    iteration: 0,
    ...(parent === undefined ? {} : { parent }),
    depth,
    ...(options.input === undefined ? {} : { input: options.input }),
    limits: limitsOf(options.limits),
    tools: Object.entries(tools).map(([name, { effect }]) => ({ name, effect })),
  })
  const clock = options.clock ?? systemClock
  const spent = new Spending(started.limits)
  const frame: LoopFrame = {
    agent,
    idPrefix: lineage.idPrefix === '' && agent !== run.id ? `${agent}/` : lineage.idPrefix,
    depth,
    run,
    limits: started.limits,
    tools,
    recovery,
    clock,
    spent,
    allowance: new Allowance(spent),
    work: new WorkTime(clock),
    cache: new ResultCache(),
    history: [],
    delegates: Object.keys(agents),
    delegate: (within, action) => delegate({ frame, agents, gate: options.gate, runLoop }, within, action),
  }
  return new AgentLoop(frame, options, started).toItsEnd()
}

class AgentLoop {
  readonly #frame: LoopFrame
  readonly #options: AgentOptions
  readonly #started: StartedEntry
  #text: string | undefined

  constructor(frame: LoopFrame, options: AgentOptions, started: StartedEntry) {
    this.#frame = frame
    this.#options = options
    this.#started = started
  }

  async toItsEnd(): Promise<AgentOutcome> {
    try {
      for (;;) {
        const reason = this.#frame.spent.exhausted ?? (await this.#iterate())
        if (reason !== undefined) return await this.#terminate(reason)
      }
    } catch (error) {
      if (isHoldfastError(error, 'RUN_CANCELLED')) {
        await this.#terminate('cancelled', error)
        throw error
      }
      if (!isHoldfastError(error, 'STEP_TIMEOUT')) return this.#terminate('error', error)
      // Only what may take all the time that is left ends so.
      this.#frame.spent.addTime(this.#frame.spent.msLeft)
      return this.#terminate('timeout', error)
    }
  }

  /** Why the loop is over, if it is. */
  async #iterate(): Promise<TerminationReason | undefined> {
    const { spent, history } = this.#frame
    const { iteration, text, actions, usage, ms } = await this.#reason()
    spent.addUsage(usage)
    spent.addTime(ms)
    this.#text = text
    if (actions.length === 0) {
      spent.endIteration({ allDenied: false })
      return 'completed'
    }
    if (spent.exceeded !== undefined) return spent.exceeded
    const { decisions, ms: judgedMs } = await this.#evaluate(actions)
    spent.addTime(judgedMs)
    if (decisions.some(({ ends }) => ends === true)) return 'policy-denial'
    const observations = await this.#act(actions, decisions)
    const observed = await this.#observe(observations)
    spent.addTime(observed.ms)
    history.push(Object.freeze({ iteration, ...(text === undefined ? {} : { text }), actions, observations }))
    spent.endIteration({ allDenied: observations.every(({ outcome }) => outcome === 'denied') })
    return undefined
  }

  #reason(): Promise<ReasonedEntry> {
    const { model, modelRetry = 2 } = this.#options
    const { run, spent, work, idPrefix } = this.#frame
    const stamp = stampOf(this.#frame)
    const request = this.#request()
    return run.step(
      'reason',
      async (context) => {
        const reply = await work.during(context.signal, () => model(request, context))
        const checked = checkReply(reply, (n) => `${idPrefix}${stamp.iteration}.${n}`)
        return { ...stamp, ...checked, ms: work.take() }
      },
      {
        type: agentEvents.reasoned,
        retry: untilTimeout(modelRetry),
        timeoutMs: spent.msLeft,
        charge: ({ usage: { inputTokens, outputTokens } }) => ({ tokens: inputTokens + outputTokens }),
      },
    )
  }

  #request(): ModelRequest {
    const { agent, spent, history, tools } = this.#frame
    const described = [...Object.entries(tools), ...Object.entries(this.#options.agents ?? {})]
    return {
      agent,
      iteration: spent.iterations + 1,
      input: this.#started.input,
      history: [...history],
      tools: described.map(([name, { description }]) => (description === undefined ? { name } : { name, description })),
      left: this.#left(),
    }
  }

  #left(): ModelRequest['left'] {
    const { limits, spent } = this.#frame
    return { iterations: limits.iterations - spent.iterations, tokens: spent.tokensLeft, ms: spent.msLeft }
  }

  #evaluate(actions: readonly ProposedAction[]): Promise<EvaluatedEntry> {
    const { gate = allowAll } = this.#options
    const { run, spent, work, history } = this.#frame
    const stamp = stampOf(this.#frame)
    const context = { ...stamp, history: [...history], left: this.#left() }
    const judge = () => Promise.all(actions.map((action) => evaluate(gate, action, context)))
    const judged = async ({ signal }: StepContext): Promise<EvaluatedEntry> => {
      const decisions = await work.during(signal, judge)
      return { ...stamp, decisions, ms: work.take() }
    }
    return run.step('gate', judged, {
      type: agentEvents.evaluated,
      timeoutMs: Math.max(1, spent.msLeft),
    })
  }

  /** Does what is allowed, a few at a time, in the order in which the model proposed it. */
  async #act(
    actions: readonly ProposedAction[],
    decisions: EvaluatedEntry['decisions'],
  ): Promise<readonly Observation[]> {
    const { run, limits } = this.#frame
    const settled = await Promise.all(decisions.map((decision) => settleVerdict(run, decision)))
    const { allowed, denied } = sorted(actions, settled)
    // Not waited for before the tools begin: it stands before all that they leave.
    const told = run.record(agentEvents.dispatched, {
      ...stampOf(this.#frame),
      dispatched: allowed.map(({ id }) => id),
      denied: denied.map(({ action: { id }, ...why }) => ({ id, ...why })),
    })
    const ended = new Map(denied.map(({ action, reason }) => [action.id, deniedObservation(action, reason)]))
    const { allowance, delegates } = this.#frame
    allowance.await(allowed.filter(({ tool }) => delegates.includes(tool)).length)
    const queue = [...allowed]
    const lane = async (): Promise<void> => {
      for (let action = queue.shift(); action !== undefined; action = queue.shift()) {
        ended.set(action.id, await performAction(this.#frame, action))
      }
    }
    await Promise.all([told, ...Array.from({ length: Math.min(limits.toolsAtOnce, queue.length) }, lane)])
    return actions.flatMap(({ id }) => ended.get(id) ?? never(`the action ${id} has ended`))
  }

  #observe(observations: readonly Observation[]): Promise<ObservedEntry> {
    const { run, work } = this.#frame
    const outcomes = observations.map(({ id, tool, outcome }) => ({ id, tool, outcome }))
    const stamp = stampOf(this.#frame)
    return run.step('observe', () => ({ ...stamp, outcomes, ms: work.take() }), { type: agentEvents.observed })
  }

  async #terminate(reason: TerminationReason, thrown?: unknown): Promise<AgentOutcome> {
    const { run, agent, spent } = this.#frame
    const { iterations, tokens, ms } = spent
    const outcome: AgentOutcome = {
      reason,
      ...(this.#text === undefined ? {} : { text: this.#text }),
      iterations,
      tokens,
      ms,
      ...(thrown === undefined ? {} : { error: summaryOf(thrown) }),
    }
    const {
      agent: _,
      iteration: __,
      ...recorded
    } = await run.record(agentEvents.terminated, {
      agent,
      iteration: iterations,
      ...outcome,
    })
    return recorded
  }
}

/** An answer that took all the time there was is not asked for again. */
function untilTimeout(retry: number | RetryOptions): RetryOptions {
  const options = typeof retry === 'number' ? { times: retry } : retry
  const { when = () => true } = options
  return { ...options, when: (error) => !isHoldfastError(error, 'STEP_TIMEOUT') && when(error) }
}

interface Sorted {
  readonly allowed: readonly ProposedAction[]
  readonly denied: readonly { readonly action: ProposedAction; readonly reason: string; readonly by?: string }[]
}

function sorted(actions: readonly ProposedAction[], settled: readonly Settled[]): Sorted {
  const allowed: ProposedAction[] = []
  const denied: Sorted['denied'][number][] = []
  for (const [index, action] of actions.entries()) {
    const verdict = settled[index] ?? never('every action has a verdict')
    if (verdict.isAllowed) allowed.push(action)
    else denied.push({ action, reason: verdict.reason, ...(verdict.by === undefined ? {} : { by: verdict.by }) })
  }
  return { allowed, denied }
}

function deniedObservation({ id, tool, callId }: ProposedAction, error: string): Observation {
  return { id, tool, ...(callId === undefined ? {} : { callId }), outcome: 'denied', error }
}
