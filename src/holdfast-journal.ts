// The journal with its features attached: what open() gives. The journal itself knows no feature, and a feature knows
// the journal's public face only; here they meet.

import type { AgentOutcome } from './agent/agent-event.ts'
import { runAgent } from './agent/agent-loop.ts'
import type { AgentOptions } from './agent/agent-options.ts'
import type { EventDefinitions } from './core/schema.ts'
import { type Clock, systemClock } from './host/clock.ts'
import type { Random } from './host/random.ts'
import { systemRandom } from './host/random.ts'
import type { Duration } from './journal/append-options.ts'
import type { NoDefinitions } from './journal/event.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { Budgets } from './runs/budget.ts'
import { type RunFunction, type RunOptions, Runs } from './runs/runs.ts'
import type { Settling } from './runs/settlement.ts'
import type { Store } from './stores/store.ts'

export interface FeatureOptions {
  readonly random?: Random
  /** How runs are driven. */
  readonly runs?: { readonly leaseTtl?: Duration }
}

export class HoldfastJournal<D extends EventDefinitions = NoDefinitions> extends Journal<D> {
  readonly #runs: Runs
  readonly #agentClock: Clock

  constructor(store: Store, options: JournalOptions<D> & FeatureOptions = {}) {
    super(store, options)
    const { clock = systemClock, random = systemRandom, runs } = options
    this.#agentClock = clock
    this.#runs = new Runs(this.untyped, { clock, random, ...runs })
  }

  /** Starts a run, goes on with it, joins it or gives its result: whatever is left to do. Rejects with RUN_OWNED while
   * another process drives it, RUN_DIVERGED when the code is not what the run began with, and with what the run failed with. */
  run<Input, Result>(id: string, call: RunFunction<Input, Result>, options?: RunOptions<Input>): Promise<Result> {
    return this.#runs.run(id, call, options)
  }

  /** Runs the loop of an agent as a run of its own: starts it, goes on with it, joins it or gives its outcome. */
  agent(id: string, options: AgentOptions, runOptions?: Omit<RunOptions, 'input'>): Promise<AgentOutcome> {
    return this.run(id, (run) => runAgent(run, { clock: this.#agentClock, ...options }), runOptions)
  }

  /** Tells a run something that it waits for, or will wait for. Resolves when that is durable. */
  signal(id: string, name: string, data?: unknown, options?: { readonly commandId?: string }): Promise<void> {
    return this.#runs.signal(id, name, data, options)
  }

  /** Asks a run to end. */
  cancel(id: string, options?: { readonly reason?: string; readonly commandId?: string }): Promise<void> {
    return this.#runs.cancel(id, options)
  }

  /** Says what became of a tool that nobody knows of whether it took effect, by its key, so that its run goes on. Rejects
   * with RUN_NOT_PARKED when nobody waits for it. */
  settle(id: string, key: string, outcome: Settling, options?: { readonly commandId?: string }): Promise<void> {
    return this.#runs.settle(id, key, outcome, options)
  }

  /** Sets new limits on what a run may spend. */
  raise(id: string, budgets: Budgets, options?: { readonly commandId?: string }): Promise<void> {
    return this.#runs.raise(id, budgets, options)
  }

  override close(): Promise<void> {
    this.#runs.close()
    return super.close()
  }
}
