// The journal with its features attached: what open() gives. The journal itself knows no feature, and a feature knows
// the journal's public face only; here they meet.

import type { EventDefinitions } from './core/schema.ts'
import { systemClock } from './host/clock.ts'
import type { Random } from './host/random.ts'
import { systemRandom } from './host/random.ts'
import type { Duration } from './journal/append-options.ts'
import type { NoDefinitions } from './journal/event.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { Budgets } from './runs/budget.ts'
import type { TellOptions } from './runs/run-teller.ts'
import { type RunFunction, type RunOptions, Runs, type StartOptions } from './runs/runs.ts'
import type { Settling } from './runs/settlement.ts'
import type { Worker, WorkerOptions } from './runs/worker.ts'
import type { Store } from './stores/store.ts'

export interface FeatureOptions {
  readonly random?: Random
  /** How runs are driven. */
  readonly runs?: {
    /** How long a run is left alone after its process has died; '15s' by default. */
    readonly leaseTtl?: Duration
    /** How many runs that sleep or wait stay in memory; 1,000 by default. */
    readonly resident?: number
  }
}

export class HoldfastJournal<D extends EventDefinitions = NoDefinitions> extends Journal<D> {
  readonly #runs: Runs
  #closing: Promise<void> | undefined

  constructor(store: Store, options: JournalOptions<D> & FeatureOptions = {}) {
    super(store, options)
    const { clock = systemClock, random = systemRandom, runs } = options
    this.#runs = new Runs(this.untyped, { clock, random, ...runs })
  }

  /** Starts a run, goes on with it, joins it or gives its result: whatever is left to do. Rejects with RUN_OWNED while
   * another process drives it, RUN_DIVERGED when the code is not what the run began with, and with what the run failed with. */
  run<Input, Result>(id: string, call: RunFunction<Input, Result>, options?: RunOptions<Input>): Promise<Result> {
    return this.#runs.run(id, call, options)
  }

  /** Gives a name to a run's function, for start(), workers and run.child(). Names have no "/". */
  define<Input, Result>(name: string, call: RunFunction<Input, Result>): void {
    this.#runs.define(name, call as RunFunction)
  }

  /** Puts a run on the agenda, for any worker that has its name defined. Resolves when that is durable. */
  start<Input>(name: string, options?: StartOptions<Input>): Promise<{ readonly id: string }> {
    return this.#runs.start(name, options)
  }

  /** Drives the defined runs that are due, until it is stopped or the journal is closed: those that were started, those whose
   * sleep is over or that were told something, and those of workers that have died. Define them first. */
  worker(options?: WorkerOptions): Worker {
    return this.#runs.worker(options)
  }

  /** Waits for the end of a run, wherever it is driven: its result, or what it failed with. */
  result<Result = unknown>(id: string, options?: { readonly signal?: AbortSignal }): Promise<Result> {
    return this.#runs.result(id, options) as Promise<Result>
  }

  /** Tells a run something that it waits for, or will wait for. Resolves when that is durable. */
  signal(id: string, name: string, data?: unknown, options?: TellOptions): Promise<void> {
    return this.#runs.signal(id, name, data, options)
  }

  /** Asks a run to end, and its children. */
  cancel(id: string, options?: TellOptions & { readonly reason?: string }): Promise<void> {
    return this.#runs.cancelRun(id, options)
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
    this.#closing ??= this.#runs.close().then(() => super.close())
    return this.#closing
  }
}
