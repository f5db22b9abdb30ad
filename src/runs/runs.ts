// Durable runs: plain async functions whose every step is journaled, so that a process which is killed anywhere goes on
// where it was. A tour:
//
//   run.ts           what the function is given             execution.ts    replay and life, one and the same
//   *-work.ts        what can be asked for, one file each   ask-log.ts      noticing changed code
//   run-event.ts     what stands in the journal             run-leases.ts   who drives a run; run-owner.ts, who that is
//   run-record.ts    how it began and ended                 rest.ts         when it waits for nothing but time or the world
//   active-run.ts    a run in the hands of this process     worker.ts       taking on what is due
//   run-feed.ts      hearing of other processes             run-teller.ts   telling a run something, from anywhere
//   runs-in-hand.ts  what this process drives               run-taking.ts   creating a run, or taking its lease
//   runs.ts          this file: start, join, resume, signal, cancel
//
// Invariant: in this process, a run is executed at most once at a time; in all processes, at most one can append for it.

import { createHash } from 'node:crypto'
import { isHoldfastError } from '../errors.ts'
import { invalidArgument } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import type { ActiveTerms } from './active-run.ts'
import type { Budgets } from './budget.ts'
import type { DefineOptions } from './definitions.ts'
import type { ExecutionHost } from './execution-terms.ts'
import { inputDifference, otherInput } from './input-check.ts'
import { Renames } from './renames.ts'
import type { RunFunction } from './run.ts'
import { agendaIdOf, checkRunId, checkRunName, type RunCreated, runEvents, streamOf } from './run-event.ts'
import { RunFeed } from './run-feed.ts'
import { createdWith, type RunOptions, type StartOptions } from './run-options.ts'
import { readRecord, unknownRun } from './run-record.ts'
import { resultWhenEnded } from './run-results.ts'
import {
  cancelTelling,
  RunTeller,
  raiseTelling,
  signalTelling,
  type Telling,
  type TellOptions,
  type TellTerms,
} from './run-teller.ts'
import { RunsInHand, type RunsOptions } from './runs-in-hand.ts'
import { findToSettle, type Settling, settle } from './settlement.ts'
import type { Worker, WorkerOptions } from './worker.ts'

export type { RunFunction } from './run.ts'
export type { RunOptions, StartOptions } from './run-options.ts'

const plain: ActiveTerms = { options: {} }

export class Runs {
  readonly #journal: Journal
  readonly #inHand: RunsInHand
  readonly #feed: RunFeed
  readonly #teller: RunTeller

  constructor(journal: Journal, options: RunsOptions) {
    this.#journal = journal
    this.#teller = new RunTeller(journal)
    const inHand = new RunsInHand(journal, options, {
      follow: () => this.#feed.start(),
      cancel: (id, reason) => this.cancelRun(id, { reason }),
    })
    this.#inHand = inHand
    this.#feed = new RunFeed(journal, options.clock, {
      outside: (id, event) => inHand.told(id, event),
      ended: (id) => inHand.ground.ends.tell(id),
      begun: () => inHand.look(),
      missed: () => inHand.missed(),
    })
  }

  /** For looking at runs, beside driving them. */
  get host(): ExecutionHost {
    return this.#inHand.ground.host
  }

  /** Starts the run, goes on with it, joins it or gives its result: whatever is left to do. */
  run<Input, Result>(id: string, call: RunFunction<Input, Result>, options?: RunOptions<Input>): Promise<Result> {
    checkRunId(id)
    if (typeof call !== 'function') throw invalidArgument('the second argument of run', 'a function')
    Renames.of(options?.renamed)
    const given = { call: call as RunFunction }
    const active = this.#inHand.run(id, given, options === undefined ? plain : { options: { ...options } })
    const result = active.join() as Promise<Result>
    if (active.isNew) active.enter()
    return result
  }

  define(name: string, call: RunFunction, options?: DefineOptions): void {
    this.#inHand.definitions.add(name, call, options)
    this.#inHand.look()
  }

  async start(name: string, options: StartOptions = {}): Promise<{ readonly id: string }> {
    checkRunName(name)
    const { commandId } = options
    const { clock, random } = this.host
    const seed = commandId === undefined ? random.hex(16) : seedOf(this.#journal.id, name, commandId)
    const { id = seed } = options
    checkRunId(id)
    const event = { type: runEvents.created, data: createdWith(name, options, seed) }
    const prepared = this.#journal.prepare(streamOf(id), event, {
      expect: 'none',
      agenda: [{ id: agendaIdOf(name, id), due: clock.now(), data: { state: 'queued' } }],
    })
    try {
      await prepared.append()
    } catch (error) {
      if (!isHoldfastError(error, 'SEQ_CONFLICT')) throw error
      await this.#checkStarted(id, name, prepared.data(0) as RunCreated)
    }
    this.#inHand.look()
    return { id }
  }

  worker(options: WorkerOptions = {}): Worker {
    return this.#inHand.hire(options)
  }

  /** Waits for the end of a run, wherever it is driven. */
  async result(id: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    this.#feed.start()
    return resultWhenEnded(this.#inHand.ground, id, signal)
  }

  /** Tells a run something that it waits for, or will wait for. Resolves when that is durable. */
  signal(id: string, name: string, data?: unknown, options: TellOptions = {}): Promise<void> {
    return this.#tell(id, signalTelling(name, data), options)
  }

  /** Asks a run to end: what it waits for rejects with RUN_CANCELLED, and so does what it asks for from then on. */
  cancelRun(id: string, { reason, ...options }: TellOptions & { readonly reason?: string } = {}): Promise<void> {
    return this.#tell(id, cancelTelling(reason), options)
  }

  /** Says what became of a tool that nobody knows of whether it took effect (or of a compensation that failed), so that
   * the run goes on. Rejects with RUN_NOT_PARKED when nobody waits for it: too early, settled, or another key. */
  settle(id: string, key: string, outcome: Settling, options: TellOptions = {}): Promise<void> {
    const tell = async (telling: Telling): Promise<void> => {
      const { expect } = await findToSettle(this.#journal, { id, key, commandId: options.commandId })
      await this.#tell(id, telling, { ...options, expect })
    }
    return settle(key, outcome, tell, { mayTellAgain: true })
  }

  /** Sets new limits; those that aren't named stay. What was held goes on as far as they allow. */
  async raise(id: string, budgets: Budgets, options: TellOptions = {}): Promise<void> {
    await this.#tell(id, raiseTelling(budgets), options)
  }

  /** Lets go of every run that is in hand here. They go on with whoever runs them next. */
  close(): Promise<void> {
    this.#feed.stop()
    return this.#inHand.close()
  }

  async #tell(id: string, telling: Telling, options: TellTerms): Promise<void> {
    const told = await this.#teller.tell(id, telling, options)
    if (told !== undefined) this.#inHand.told(id, { ...told, time: this.host.clock.now() })
  }

  async #checkStarted(id: string, name: string, created: RunCreated): Promise<void> {
    const record = await readRecord(this.#journal, id)
    if (record === undefined) throw unknownRun(id)
    const other = (path: string, left: unknown, right: unknown) => otherInput(id, { path, left, right })
    if (record.created.name !== name) throw other('name', record.created.name, name)
    const event = { type: runEvents.created, data: { ...record.created } }
    const place = { journal: this.#journal, stream: streamOf(id) }
    const found = inputDifference(place, event, created.input)
    if (found !== undefined) throw otherInput(id, found)
  }
}

/** So that a start which is made again makes the same run. */
function seedOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}
