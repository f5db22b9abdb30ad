// The journal with its features attached: what open() gives. The journal itself knows no feature, and a feature knows
// the journal's public face only; here they meet.

import type { AgentOutcome } from './agent/agent-event.ts'
import { runAgent } from './agent/agent-loop.ts'
import type { AgentOptions } from './agent/agent-options.ts'
import type { EventDefinitions } from './core/schema.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { type Processes, systemProcesses } from './host/processes.ts'
import type { Random } from './host/random.ts'
import { systemRandom } from './host/random.ts'
import type { Duration } from './journal/append-options.ts'
import type { NoDefinitions } from './journal/event.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { Budgets } from './runs/budget.ts'
import {
  type CheckAllReport,
  type CheckOptions,
  type CheckReport,
  checkAllRuns,
  checkRun,
  type RunName,
} from './runs/check.ts'
import type { DefineOptions } from './runs/definitions.ts'
import { diffRuns, type RunDiff } from './runs/run-diff.ts'
import { type ForkOptions, forkRun } from './runs/run-fork.ts'
import { listRuns, type RunFilter, type RunSummary } from './runs/run-list.ts'
import type { TellOptions } from './runs/run-teller.ts'
import { whyRun } from './runs/run-why.ts'
import { type RunFunction, type RunOptions, Runs, type StartOptions } from './runs/runs.ts'
import type { Settling } from './runs/settlement.ts'
import type { Worker, WorkerOptions } from './runs/worker.ts'
import type { Store } from './stores/store.ts'

export interface FeatureOptions {
  /** The source of chance; that of this machine by default. */
  readonly random?: Random
  /** What is known of other processes: whether one that held leases is dead. */
  readonly processes?: Processes
  /** How runs are driven. */
  readonly runs?: {
    /** How long a run is left alone after its process has died, where that can't be proven; '15s' by default. */
    readonly leaseTtl?: Duration
    /** How many runs that sleep or wait stay in memory; 64 by default. */
    readonly resident?: number
  }
}

export class HoldfastJournal<D extends EventDefinitions = NoDefinitions> extends Journal<D> {
  readonly #runs: Runs
  #closing: Promise<void> | undefined
  readonly #agentClock: Clock

  constructor(store: Store, options: JournalOptions<D> & FeatureOptions = {}) {
    super(store, options)
    const { clock = systemClock, random = systemRandom, processes = systemProcesses, runs } = options
    this.#agentClock = clock
    this.#runs = new Runs(this.untyped, { clock, random, processes, ...runs })
  }

  /** Starts a run, goes on with it, joins it or gives its result: whatever is left to do. Rejects with RUN_OWNED while
   * another process drives it, RUN_DIVERGED when the code is not what the run began with, and with what the run failed with. */
  run<Input, Result>(id: string, call: RunFunction<Input, Result>, options?: RunOptions<Input>): Promise<Result> {
    return this.#runs.run(id, call, options)
  }

  /** Gives a name to a run's function, for start(), workers and run.child(). Names have no "/". */
  define<Input, Result>(name: string, call: RunFunction<Input, Result>, options?: DefineOptions): void {
    this.#runs.define(name, call as RunFunction, options)
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

  /** Runs the loop of an agent as a run of its own: starts it, goes on with it, joins it or gives its outcome. */
  agent(id: string, options: AgentOptions, runOptions?: Omit<RunOptions, 'input'>): Promise<AgentOutcome> {
    return this.run(id, (run) => runAgent(run, { clock: this.#agentClock, ...options }), runOptions)
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

  /** Holds a function against the record of a run, without any effect: whether it would go on, or diverge and where. */
  check<Input, Result>(id: string, call: RunFunction<Input, Result>, options?: CheckOptions): Promise<CheckReport> {
    return checkRun(this.#runs.host, id, call as RunFunction, options)
  }

  /** The same with all unfinished runs of a name, or with those that `which` is true for: before new code goes live. */
  checkAll<Input, Result>(
    which: string | ((run: RunName) => boolean),
    call: RunFunction<Input, Result>,
    options?: CheckOptions,
  ): Promise<CheckAllReport> {
    return checkAllRuns(this.#runs.host, which, call as RunFunction, options)
  }

  /** A new run with the history of this one up to some event: what was done until then is not done again. It is queued:
   * run() with its id drives it. */
  fork(id: string, options?: ForkOptions): Promise<{ readonly id: string }> {
    return forkRun(this.#runs.host, id, options)
  }

  /** Where two runs part, what only one of them did, what ended otherwise, and what each cost. */
  diff(a: string, b: string): Promise<RunDiff> {
    return diffRuns(this.untyped, a, b)
  }

  /** Runs and where they stand: unfinished ones, then those that have ended, newest end first. */
  runs(filter?: RunFilter): AsyncGenerator<RunSummary, void, undefined> {
    return listRuns(this.#runs.host, filter)
  }

  /** One sentence why a run stands where it stands, and what brings it on. */
  why(id: string): Promise<string> {
    return whyRun(this.#runs.host, id)
  }

  override close(): Promise<void> {
    this.#closing ??= this.#runs.close().then(() => super.close())
    return this.#closing
  }
}
