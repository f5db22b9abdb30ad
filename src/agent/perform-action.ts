// One action that was allowed: its tool is called, and where it fails one strategy after the other is tried. It always
// ends as an observation; only a cancellation of the run goes through.
//
// Invariants: each strategy is journaled before it acts. Every attempt of an action hands the same idempotency key to its
// tool. Nothing here happens but by what the run's events say, so that a resumed loop takes the same way.

import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { Run } from '../runs/run.ts'
import type { ToolContext } from '../runs/tool-context.ts'
import { type Observation, type ProposedAction, summaryOf } from './agent-action.ts'
import { agentEvents, type RecoveringEntry } from './agent-event.ts'
import { type AgentTool, checkedInput, functionsOf } from './agent-tool.ts'
import { type LoopFrame, stampOf } from './loop-frame.ts'
import { defaultRecovery, type EscalationAnswer, type RecoveryPlan, recoveryPlan } from './recovery.ts'

/** Ends as 'done' or 'failed'. */
export function performAction(frame: LoopFrame, action: ProposedAction): Promise<Observation> {
  return frame.run.scope(action.id, (run) => {
    return frame.delegates.includes(action.tool)
      ? frame.delegate(run, action)
      : new Performance(frame, run, action).perform()
  })
}

type Try = { readonly result: unknown } | { readonly error: unknown }

/** A tool that is there, and what it is called with. */
interface Target {
  readonly name: string
  readonly tool: AgentTool
  readonly input: unknown
}

class Performance {
  readonly #frame: LoopFrame
  readonly #run: Run
  readonly #action: ProposedAction

  constructor(frame: LoopFrame, run: Run, action: ProposedAction) {
    this.#frame = frame
    this.#run = run
    this.#action = action
  }

  async perform(): Promise<Observation> {
    const { id, tool: name, callId } = this.#action
    const about = { id, tool: name, ...(callId === undefined ? {} : { callId }) }
    const outcome = await this.#perform()
    if (!('error' in outcome)) return { ...about, outcome: 'done', result: outcome.result }
    return { ...about, outcome: 'failed', error: summaryOf(outcome.error).message }
  }

  async #perform(): Promise<Try> {
    const { tool: name, input } = this.#action
    let target: Target
    try {
      target = this.#target(name, input)
    } catch (error) {
      // Neither called nor recovered: only the model can mend what it proposed.
      return { error }
    }
    let last = await this.#call(target)
    for (const plan of planOf(this.#frame, target.tool)) {
      if (!('error' in last) || this.#isOutOfTime(last.error, target.tool)) break
      const next = await this.#recover(plan, target, last.error)
      if (next === undefined) break
      last = next
    }
    if (!('error' in last)) this.#frame.cache.keep(name, input, last.result, this.#run.now())
    return last
  }

  /** What took all the time that is left to the loop leaves none to recover in. */
  #isOutOfTime(error: unknown, { timeoutMs = this.#frame.limits.toolTimeMs }: AgentTool): boolean {
    return isHoldfastError(error, 'STEP_TIMEOUT') && timeoutMs >= this.#frame.spent.msLeft
  }

  #target(name: string, input: unknown): Target {
    const tool = Object.hasOwn(this.#frame.tools, name) ? this.#frame.tools[name] : undefined
    if (tool !== undefined) return { name, tool, input: checkedInput(name, tool, input) }
    const known = [...Object.keys(this.#frame.tools), ...this.#frame.delegates].join(', ')
    throw new HoldfastError('INVALID_ARGUMENT', `there is no tool ${JSON.stringify(name)}; there are: ${known}`)
  }

  async #call({ name, tool, input }: Target): Promise<Try> {
    const { limits, spent, work } = this.#frame
    const { effect, timeoutMs = limits.toolTimeMs } = tool
    const options = {
      effect,
      ...(input === undefined ? {} : { input }),
      key: `${this.#run.id}/${this.#action.id}/${name}`,
      timeoutMs: Math.max(1, Math.min(timeoutMs, spent.msLeft)),
      ...functionsOf(tool, input),
    }
    const call = (context: ToolContext) => work.during(context.signal, () => tool.run(input, context))
    try {
      return { result: await this.#run.tool(name, options, call) }
    } catch (error) {
      if (isHoldfastError(error, 'RUN_CANCELLED')) throw error
      return { error }
    }
  }

  /** Undefined ends the search: the failure stays. */
  async #recover(plan: RecoveryPlan, target: Target, error: unknown): Promise<Try | undefined> {
    switch (plan.use) {
      case 'retry':
        return this.#retry(plan, target, error)
      case 'fallback': {
        await this.#note({ strategy: 'fallback', error: summaryOf(error), fallback: plan.tool })
        try {
          return await this.#call(this.#target(plan.tool, plan.inputOf(target.input)))
        } catch (refusal) {
          if (isHoldfastError(refusal, 'RUN_CANCELLED')) throw refusal
          return { error: refusal }
        }
      }
      case 'cached': {
        const found = this.#frame.cache.get(this.#action.tool, this.#action.input)
        const ageMs = found === undefined ? Number.POSITIVE_INFINITY : this.#run.now() - found.at
        if (found === undefined || ageMs > plan.maxAgeMs) return { error }
        await this.#note({ strategy: 'cached', error: summaryOf(error), ageMs })
        return { result: found.result }
      }
      case 'escalate':
        return this.#escalate(plan, target, error)
      case 'dead-letter':
        await this.#note({ strategy: 'dead-letter', error: summaryOf(error), input: target.input })
        return undefined
      case 'ask-model':
        await this.#note({ strategy: 'ask-model', error: summaryOf(error) })
        return undefined
    }
  }

  async #retry(plan: Extract<RecoveryPlan, { use: 'retry' }>, target: Target, first: unknown): Promise<Try> {
    let last: Try = { error: first }
    for (let attempt = 1; attempt <= plan.times && 'error' in last && this.#frame.spent.msLeft > 0; attempt += 1) {
      await this.#note({ strategy: 'retry', error: summaryOf(last.error), attempt })
      await this.#run.sleep(plan.delayMs)
      last = await this.#call(target)
    }
    return last
  }

  async #escalate(plan: Extract<RecoveryPlan, { use: 'escalate' }>, target: Target, first: unknown): Promise<Try> {
    const signal = `escalation:${this.#action.id}`
    let error = first
    for (;;) {
      await this.#note({ strategy: 'escalate', error: summaryOf(error), queue: plan.queue, signal })
      const options = plan.timeoutMs === undefined ? {} : { timeout: plan.timeoutMs }
      const answer = (await this.#run.wait(signal, options)) as EscalationAnswer | undefined
      if (typeof answer !== 'object' || answer === null) return { error }
      if ('result' in answer) return { result: answer.result }
      if ('fail' in answer) return { error: new Error(String(answer.fail)) }
      if (answer.retry !== true) return { error }
      const again = await this.#call(target)
      if (!('error' in again)) return again
      error = again.error
    }
  }

  async #note(entry: Omit<RecoveringEntry, 'agent' | 'iteration' | 'id' | 'tool' | 'ms'>): Promise<void> {
    const frame = this.#frame
    const { id, tool } = this.#action
    // What was done so far counts from here on: a run that waits for a person may leave memory.
    const noted = { ...stampOf(frame), id, tool, ...entry, ms: frame.work.take() }
    const { ms } = await this.#run.record(agentEvents.recovering, noted)
    frame.spent.addTime(ms)
  }
}

function planOf({ recovery }: LoopFrame, tool: AgentTool): readonly RecoveryPlan[] {
  return tool.recovery === undefined ? (recovery ?? defaultRecovery(tool.effect)) : recoveryPlan(tool.recovery)
}
