// Durable runs: plain async functions whose every step is journaled, so that a process which is killed anywhere goes on
// where it was. A tour:
//
//   run.ts           what the function is given             execution.ts    replay and life, one and the same
//   *-work.ts        what can be asked for, one file each   ask-log.ts      noticing changed code
//   run-event.ts     what stands in the journal             run-leases.ts   who drives a run
//   run-record.ts    how it began and ended                 rest.ts         when it waits for nothing but time or the world
//   active-run.ts    a run in the hands of this process     worker.ts       taking on what is due
//   run-feed.ts      hearing of other processes             run-teller.ts   telling a run something, from anywhere
//   runs.ts          this file: start, join, resume, signal, cancel; what the runs of this process share
//
// Invariant: in this process, a run is executed at most once at a time; in all processes, at most one can append for it.

import { createHash } from 'node:crypto'
import { parseDuration } from '../core/duration.ts'
import { checkStreamName } from '../core/names.ts'
import { isHoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { keepAlive } from '../host/keep-alive.ts'
import type { Random } from '../host/random.ts'
import type { Duration, Fence } from '../journal/append-options.ts'
import { checkWhole, invalidArgument, throwIfAborted } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import { limits } from '../limits.ts'
import {
  ActiveRun,
  type ActiveTerms,
  closed,
  type Employer,
  givenOf,
  otherInput,
  type RunGround,
  type RunOptions,
} from './active-run.ts'
import type { Budgets } from './budget.ts'
import { type DefineOptions, type Definition, Definitions } from './definitions.ts'
import { DueQueue } from './due-queue.ts'
import type { ExecutionHost } from './execution-terms.ts'
import type { Child, ChildRef, Family } from './family.ts'
import { inputDifference } from './input-check.ts'
import { Renames } from './renames.ts'
import { RestingRuns } from './resting-runs.ts'
import type { RunFunction } from './run.ts'
import { RunEnds } from './run-ends.ts'
import { agendaIdOf, checkRunName, type RunCreated, type RunEvent, runEvents, streamOf } from './run-event.ts'
import { RunFeed } from './run-feed.ts'
import { RunLeases } from './run-leases.ts'
import { readEnding, readRecord, resultOf, unknownRun } from './run-record.ts'
import {
  cancelTelling,
  RunTeller,
  raiseTelling,
  signalTelling,
  type Telling,
  type TellOptions,
  type TellTerms,
} from './run-teller.ts'
import { type Settling, settle } from './settlement.ts'
import { WakingRoom } from './waking-room.ts'
import { Worker, type WorkerOptions } from './worker.ts'

export type { RunOptions } from './active-run.ts'
export type { RunFunction } from './run.ts'

export interface RunsOptions {
  readonly clock: Clock
  readonly random: Random
  /** How long a run is left alone after its process has died; '15s' by default. */
  readonly leaseTtl?: Duration
  /** How many runs that sleep or wait stay in memory; 1,000 by default. The others are brought back when something happens. */
  readonly resident?: number
}

export interface StartOptions<Input = unknown> {
  /** Chosen by the journal if not given. A run that is there already, with the same name and input, is started once. */
  readonly id?: string
  readonly input?: Input
  /** The version of the code, for reports. */
  readonly version?: string
  /** What it may spend. When a limit is reached, it is parked until journal.raise(). */
  readonly budgets?: Budgets
  /** The caller's name for this start: the same again gives the same run. */
  readonly commandId?: string
}

export class Runs implements Family {
  readonly #journal: Journal
  readonly #ground: RunGround
  readonly #feed: RunFeed
  readonly #teller: RunTeller
  readonly #definitions: Definitions = new Definitions()
  readonly #workers: Set<Worker> = new Set()
  readonly #active: Map<string, ActiveRun> = new Map()
  #joiners = 0
  #letGoOfProcess: (() => void) | undefined
  #isClosed = false

  constructor(journal: Journal, options: RunsOptions) {
    const { clock, random, leaseTtl = '15s', resident = limits.runsResident } = options
    this.#journal = journal
    this.#teller = new RunTeller(journal)
    const isClosed = (): boolean => this.#isClosed
    this.#ground = {
      journal,
      host: { journal, clock, random, missingAskMs: 5_000, family: this },
      leases: new RunLeases({
        journal,
        clock,
        owner: journal.hasManyWriters ? `runs-${random.hex(8)}` : 'runs',
        ttlMs: parseDuration(leaseTtl, 'leaseTtl'),
      }),
      ends: new RunEnds(),
      due: new DueQueue(clock),
      resting: new RestingRuns(checkWhole(resident, 'resident')),
      room: new WakingRoom(limits.runsWakingAtOnce),
      keepAlive: () => this.#keepAlive(),
      left: (run) => this.#active.delete(run.id),
      get isClosed() {
        return isClosed()
      },
    }
    this.#feed = new RunFeed(journal, clock, {
      outside: (id, event) => this.told(id, event),
      ended: (id) => this.#ground.ends.tell(id),
      begun: () => this.#look(),
      missed: () => this.#missed(),
    })
  }

  /** For looking at runs, beside driving them. */
  get host(): ExecutionHost {
    return this.#ground.host
  }

  /** Starts the run, goes on with it, joins it or gives its result: whatever is left to do. */
  run<Input, Result>(id: string, call: RunFunction<Input, Result>, options: RunOptions<Input> = {}): Promise<Result> {
    checkStreamName(streamOf(id))
    if (typeof call !== 'function') throw invalidArgument('the second argument of run', 'a function')
    Renames.of(options.renamed)
    const given = { call: call as RunFunction }
    const active = this.#active.get(id) ?? this.#take(id, given, { options: { ...options } })
    const result = active.join() as Promise<Result>
    if (active.isNew) active.begin()
    return result
  }

  define(name: string, call: RunFunction, options?: DefineOptions): void {
    this.#definitions.add(name, call, options)
    this.#look()
  }

  async start(name: string, options: StartOptions = {}): Promise<{ readonly id: string }> {
    checkRunName(name)
    const { commandId } = options
    const { clock, random } = this.#ground.host
    const seed = commandId === undefined ? random.hex(16) : seedOf(this.#journal.id, name, commandId)
    const { id = seed } = options
    checkStreamName(streamOf(id))
    const event = { type: runEvents.created, data: { name, ...givenOf(options), seed } }
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
    this.#look()
    return { id }
  }

  worker(options: WorkerOptions = {}): Worker {
    if (this.#isClosed) throw closed()
    this.#feed.start()
    const worker = new Worker(
      {
        journal: this.#journal,
        clock: this.#ground.host.clock,
        leases: this.#ground.leases,
        definitions: this.#definitions,
        has: (id) => this.#active.has(id),
        takeOn: (name, id, fence, employer) => this.#takeOn(name, id, { fence, employer }),
        gone: (gone) => this.#workers.delete(gone),
      },
      options,
    )
    this.#workers.add(worker)
    worker.begin()
    return worker
  }

  /** Waits for the end of a run, wherever it is driven. */
  async result(id: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    const release = this.#keepAlive()
    this.#feed.start()
    try {
      for (;;) {
        const watch = new AbortController()
        const told = this.#toldOfEnd(id, watch.signal)
        try {
          if (this.#isClosed) throw closed()
          throwIfAborted(signal, 'the wait for a result')
          if ((await readRecord(this.#journal, id)) === undefined) throw unknownRun(id)
          const ending = await readEnding(this.#journal, id)
          if (ending !== undefined) return resultOf(id, ending)
          signal?.addEventListener('abort', () => this.#ground.ends.tell(id), { signal: watch.signal })
          throwIfAborted(signal, 'the wait for a result')
          await told
        } finally {
          watch.abort()
        }
      }
    } finally {
      release()
    }
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
    const tell = (telling: Telling, expect: number | undefined) => this.#tell(id, telling, { ...options, expect })
    return settle({ journal: this.#journal, tell }, { id, key, commandId: options.commandId }, outcome)
  }

  /** Sets new limits; those that aren't named stay. What was held goes on as far as they allow. */
  async raise(id: string, budgets: Budgets, options: TellOptions = {}): Promise<void> {
    await this.#tell(id, raiseTelling(budgets), options)
  }

  /** Lets go of every run that is in hand here. They go on with whoever runs them next. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#feed.stop()
    this.#ground.due.stop()
    const stopping = [...this.#workers].map((worker) => worker.stop())
    const held = [...this.#active.values()].map((run) => run.close()).filter((fence) => fence !== undefined)
    this.#ground.ends.tellAll()
    await Promise.all([this.#ground.leases.releaseAll(held), ...stopping])
  }

  leaseFor({ call, name }: Child): { readonly acquire: string; readonly ttl: number } | undefined {
    const isDrivenHere = call !== undefined || (this.#definitions.find(name) !== undefined && !this.#isServed(name))
    return isDrivenHere ? { acquire: this.#ground.leases.owner, ttl: this.#ground.leases.ttlMs } : undefined
  }

  begun({ id, name, call: given }: Child, { data, time, token }: Parameters<Family['begun']>[1]): void {
    const call = this.#definitionOf(name, given)
    if (token === undefined || call === undefined) {
      this.#look()
      return
    }
    const record = { id, created: data as RunCreated, createdAt: time }
    this.#take(id, call).beginWith(record, { lease: agendaIdOf(name, id), token })
  }

  adopt({ id, name, call }: Child): void {
    const found = call === undefined && this.#isServed(name) ? undefined : this.#definitionOf(name, call)
    if (found === undefined || this.#active.has(id) || this.#isClosed) return
    this.#take(id, found).begin()
  }

  cancel({ id }: ChildRef, reason: string): void {
    this.cancelRun(id, { reason }).catch(() => {
      // It is not there yet, has ended, or the journal has failed: the end of its parent cancels what is left.
    })
  }

  told(id: string, event: RunEvent): void {
    const active = this.#active.get(id)
    if (active === undefined) this.#look()
    else active.offer(event)
  }

  async #tell(id: string, telling: Telling, options: TellTerms): Promise<void> {
    const told = await this.#teller.tell(id, telling, options)
    if (told !== undefined) this.told(id, { ...told, time: this.#ground.host.clock.now() })
  }

  #definitionOf(name: string, call: Child['call']): Definition | undefined {
    return call === undefined ? this.#definitions.find(name) : { call: call as RunFunction }
  }

  #take(id: string, { call, ...code }: Definition, terms: ActiveTerms = {}): ActiveRun {
    this.#feed.start()
    const active = new ActiveRun(this.#ground, id, call, { code, ...terms })
    this.#active.set(id, active)
    return active
  }

  #takeOn(
    name: string,
    id: string,
    { fence, employer }: { readonly fence: Fence; readonly employer: Employer },
  ): ActiveRun | undefined {
    const active = this.#active.get(id)
    if (active !== undefined) return active.takeOn(fence, employer) ? active : undefined
    const call = this.#definitions.find(name)
    if (call === undefined) return undefined
    const taken = this.#take(id, call, { employer })
    taken.begin(fence)
    return taken
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

  #toldOfEnd(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const unwatch = this.#ground.ends.watch(id, resolve)
      signal.addEventListener('abort', unwatch, { once: true })
    })
  }

  #isServed(name: string): boolean {
    return [...this.#workers].some((worker) => worker.serves(name))
  }

  #look(): void {
    for (const worker of this.#workers) worker.look()
  }

  #missed(): void {
    for (const run of [...this.#active.values()]) run.lookAgain()
    this.#ground.ends.tellAll()
    this.#look()
  }

  /** One hold on the process for all who wait for a result. */
  #keepAlive(): () => void {
    this.#joiners += 1
    this.#letGoOfProcess ??= keepAlive()
    return () => {
      this.#joiners -= 1
      if (this.#joiners > 0) return
      this.#letGoOfProcess?.()
      this.#letGoOfProcess = undefined
    }
  }
}

/** So that a start which is made again makes the same run. */
function seedOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}
