// Durable runs: plain async functions whose every step is journaled, so that a process which is killed anywhere goes on
// where it was. A tour:
//
//   run.ts           what the function is given             execution.ts   replay and life, one and the same
//   *-work.ts        what can be asked for, one file each   ask-log.ts     noticing changed code
//   run-event.ts     what stands in the journal             run-leases.ts  who drives a run
//   run-record.ts    how it began and ended                 runs.ts        this file: start, join, resume, signal, cancel
//
// Invariant: in this process, a run is executed at most once at a time; in all processes, at most one can append for it.

import { parseDuration } from '../core/duration.ts'
import { checkStreamName } from '../core/names.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { keepAlive } from '../host/keep-alive.ts'
import type { Random } from '../host/random.ts'
import type { Duration, Fence } from '../journal/append-options.ts'
import { invalidArgument } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import { type Budgets, checkBudgets } from './budget.ts'
import { Execution, type ExecutionEnd, type ExecutionHost, type ExecutionTerms } from './execution.ts'
import { neverDue, type Rest, toldDue } from './rest.ts'
import { Run } from './run.ts'
import { RunChance } from './run-chance.ts'
import {
  agendaIdOf,
  fromOutside,
  idOfStream,
  type RunCreated,
  type RunData,
  type RunEvent,
  runEvents,
  streamOf,
} from './run-event.ts'
import { RunLeases } from './run-leases.ts'
import { type RunRecord, readEnding, readRecord, resultOf, unknownRun } from './run-record.ts'
import { notParked, type Settling, seqToSettle, settlingData } from './settlement.ts'
import { firstDifference } from './value-diff.ts'

export type RunFunction<Input = unknown, Result = unknown> = (run: Run, input: Input) => Promise<Result>

export interface RunOptions<Input = unknown> {
  readonly input?: Input
  /** The version of the code, for reports. */
  readonly version?: string
  /** What it may spend; recorded when it is created. When a limit is reached, it is parked until journal.raise(). */
  readonly budgets?: Budgets
  /** What to do while another process drives the run: 'reject' (RUN_OWNED, the default) or 'wait' for its end. */
  readonly ifOwned?: 'reject' | 'wait'
}

export interface RunsOptions {
  readonly clock: Clock
  readonly random: Random
  /** How long a run is left alone after its process has died; '15s' by default. */
  readonly leaseTtl?: Duration
}

/** Runs that are given as a function have no name that a worker could know them by. */
const inlineName = '-'
/** How soon a run hears of what another process appended to it, at the latest. To look after each of one's own events
 * would nearly double the cost of a step. */
const followPaceMs = 20

export class Runs {
  readonly #journal: Journal
  readonly #host: ExecutionHost
  readonly #leases: RunLeases
  readonly #active: Map<string, { readonly execution: Execution | undefined; readonly result: Promise<unknown> }> =
    new Map()
  readonly #stopFollowing: AbortController = new AbortController()
  #isFollowing = false
  #isClosed = false

  constructor(journal: Journal, { clock, random, leaseTtl = '15s' }: RunsOptions) {
    this.#journal = journal
    this.#host = {
      journal,
      clock,
      random,
      missingAskMs: 5_000,
      onRest: (terms, rest, seen) => this.#rested(terms, rest, seen),
    }
    this.#leases = new RunLeases({
      journal,
      clock,
      owner: journal.hasManyWriters ? `runs-${random.hex(8)}` : 'runs',
      ttlMs: parseDuration(leaseTtl, 'leaseTtl'),
    })
  }

  /** Starts the run, goes on with it, joins it or gives its result: whatever is left to do. */
  run<Input, Result>(id: string, call: RunFunction<Input, Result>, options: RunOptions<Input> = {}): Promise<Result> {
    checkStreamName(streamOf(id))
    if (typeof call !== 'function') throw invalidArgument('the second argument of run', 'a function')
    const active = this.#active.get(id)
    if (active !== undefined) return active.result as Promise<Result>
    const result = this.#resume(id, call as RunFunction, options).finally(() => this.#active.delete(id))
    this.#active.set(id, { execution: undefined, result })
    return result as Promise<Result>
  }

  /** Tells a run something that it waits for, or will wait for. Resolves when that is durable. */
  async signal(id: string, name: string, data?: unknown, options: { readonly commandId?: string } = {}): Promise<void> {
    await this.#tell(id, { type: runEvents.signal, data: data === undefined ? { name } : { name, data } }, options)
  }

  /** Asks a run to end: what it waits for rejects with RUN_CANCELLED, and so does what it asks for from then on. */
  async cancel(id: string, options: { readonly reason?: string; readonly commandId?: string } = {}): Promise<void> {
    const { reason, ...rest } = options
    await this.#tell(id, { type: runEvents.cancelRequested, data: reason === undefined ? {} : { reason } }, rest)
  }

  /** Says what became of a tool that nobody knows of whether it took effect (or of a compensation that failed), so that
   * the run goes on. Rejects with RUN_NOT_PARKED when nobody waits for it: too early, settled, or another key. */
  async settle(
    id: string,
    key: string,
    outcome: Settling,
    options: { readonly commandId?: string } = {},
  ): Promise<void> {
    const event = { type: runEvents.toolSettled, data: settlingData(key, outcome) }
    const { commandId } = options
    for (;;) {
      if ((await readRecord(this.#journal, id)) === undefined) throw unknownRun(id)
      // A repetition, and whatever else has that command id, is the store's to judge.
      const isRepeated = commandId !== undefined && (await this.#journal.command(commandId)) !== undefined
      const expect = isRepeated ? {} : { expect: await seqToSettle(this.#journal, id, key) }
      try {
        await this.#tell(id, event, { ...options, ...expect })
        return
      } catch (error) {
        // Another branch of the run went on, or somebody else settled it: look again.
        if (!isHoldfastError(error, 'SEQ_CONFLICT')) throw error
      }
    }
  }

  /** Sets new limits; those that aren't named stay. What was held goes on as far as they allow. */
  async raise(id: string, budgets: Budgets, options: { readonly commandId?: string } = {}): Promise<void> {
    const data = { budgets: checkBudgets(budgets) }
    if ((await readRecord(this.#journal, id)) === undefined) throw unknownRun(id)
    const { commandId } = options
    const isRepeated = commandId !== undefined && (await this.#journal.command(commandId)) !== undefined
    if (!isRepeated && (await readEnding(this.#journal, id)) !== undefined) {
      throw notParked(id, `run ${JSON.stringify(id)} has ended`)
    }
    await this.#tell(id, { type: runEvents.raised, data }, options)
  }

  /** Lets go of every run that is driven here. They go on with whoever runs them next. */
  close(): void {
    this.#isClosed = true
    this.#stopFollowing.abort()
    for (const { execution } of this.#active.values()) execution?.halt(closed())
  }

  async #tell(
    id: string,
    event: { readonly type: string; readonly data: unknown },
    { commandId, expect }: { readonly commandId?: string; readonly expect?: number },
  ): Promise<void> {
    const record = await readRecord(this.#journal, id)
    if (record === undefined) throw unknownRun(id)
    const agenda = [{ id: agendaIdOf(record.created.name, id), due: toldDue, data: { state: 'queued' } }]
    const options = {
      agenda,
      ...(commandId === undefined ? {} : { commandId }),
      ...(expect === undefined ? {} : { expect }),
    }
    const prepared = this.#journal.prepare(streamOf(id), event, options)
    const { seq, duplicate } = await prepared.append()
    if (duplicate) return
    const told = { seq, type: event.type, data: prepared.data(0) as RunData, time: this.#host.clock.now() }
    this.#active.get(id)?.execution?.offer(told)
  }

  async #resume(id: string, call: RunFunction, options: RunOptions): Promise<unknown> {
    const letGo = keepAlive()
    try {
      for (;;) {
        if (this.#isClosed) throw closed()
        const record = await readRecord(this.#journal, id)
        if (record === undefined) {
          const begun = await this.#create(id, options)
          if (begun !== undefined) return await this.#execute(begun.record, begun.fence, call)
          continue
        }
        checkSameInput(record, options)
        const ending = await readEnding(this.#journal, id)
        if (ending !== undefined) return resultOf(id, ending)
        const fence = await this.#take(record, options)
        if (fence !== undefined) return await this.#execute(record, fence, call)
      }
    } finally {
      letGo()
    }
  }

  /** Undefined when somebody else has created it meanwhile. */
  async #create(
    id: string,
    { input, version, budgets }: RunOptions,
  ): Promise<{ readonly record: RunRecord; readonly fence: Fence } | undefined> {
    const { clock, random } = this.#host
    const given = {
      ...(input === undefined ? {} : { input }),
      ...(version === undefined ? {} : { version }),
      ...(budgets === undefined ? {} : { budgets: checkBudgets(budgets) }),
    }
    const created: RunCreated = { name: inlineName, ...given, seed: random.hex(16) }
    const lease = agendaIdOf(inlineName, id)
    const event = { type: runEvents.created, data: created }
    const prepared = this.#journal.prepare(streamOf(id), event, {
      expect: 'none',
      agenda: [{ id: lease, due: clock.now(), data: { state: 'running' } }],
      leases: [{ lease, acquire: this.#leases.owner, ttl: this.#leases.ttlMs }],
    })
    try {
      const { leases } = await prepared.append()
      const token = leases[0]?.token ?? 0
      // The function is called with what a replay will call it with.
      const record = { id, created: prepared.data(0) as RunCreated, createdAt: clock.now() }
      return { record, fence: { lease, token } }
    } catch (error) {
      if (isHoldfastError(error, 'SEQ_CONFLICT')) return undefined
      throw error
    }
  }

  /** Takes the lease of a run that is there. Undefined when there is something new to look at. */
  async #take(record: RunRecord, { ifOwned = 'reject' }: RunOptions): Promise<Fence | undefined> {
    const lease = agendaIdOf(record.created.name, record.id)
    try {
      return await this.#leases.acquire(lease)
    } catch (error) {
      if (!isHoldfastError(error, 'LEASE_HELD')) throw error
      if (ifOwned === 'reject') throw owned(record.id, error)
      await this.#untilFree(lease, record.id)
      return undefined
    }
  }

  /** Until the run has ended or its lease is past its time. */
  async #untilFree(lease: string, id: string): Promise<void> {
    const held = await this.#journal.leases.get(lease)
    const stop = new AbortController()
    const { clock } = this.#host
    const leftMs = held === undefined || !held.held ? 0 : Math.max(1, held.until - clock.now())
    const timer = clock.after(leftMs, () => stop.abort())
    const onClose = (): void => stop.abort()
    this.#stopFollowing.signal.addEventListener('abort', onClose, { once: true })
    try {
      const ends = this.#journal.subscribe({
        select: streamOf(id),
        types: [runEvents.completed, runEvents.failed, runEvents.cancelled],
        signal: stop.signal,
      })
      for await (const item of ends) if (!('notice' in item)) return
    } finally {
      timer.cancel()
      this.#stopFollowing.signal.removeEventListener('abort', onClose)
    }
  }

  async #execute(record: RunRecord, fence: Fence, call: RunFunction): Promise<unknown> {
    const { id, created, createdAt } = record
    this.#follow()
    const terms = {
      id,
      stream: streamOf(id),
      agendaId: fence.lease,
      fence,
      created: { time: createdAt, budgets: created.budgets },
    }
    const execution = new Execution(this.#host, terms)
    const active = this.#active.get(id)
    if (active !== undefined) this.#active.set(id, { execution, result: active.result })
    this.#leases.keep(fence, (error) => execution.halt(owned(id, error)))
    const run = new Run(execution, new RunChance(created.seed))
    execution.begin(async () => call(run, created.input))
    const end = await execution.end
    this.#leases.letGo(fence)
    return this.#outcome(record, fence, end)
  }

  async #outcome({ id }: RunRecord, fence: Fence, end: ExecutionEnd): Promise<unknown> {
    if (end.is === 'ended') {
      if (end.wasFound) await this.#giveUp(fence)
      return resultOf(id, end)
    }
    if (end.is === 'halted') throw isHoldfastError(end.error, 'LEASE_LOST') ? owned(id, end.error) : end.error
    await this.#journal.append(
      streamOf(id),
      { type: runEvents.diverged, data: { ...end.error.details } },
      {
        fence,
        agenda: [{ id: fence.lease, due: neverDue, data: { state: 'diverged' } }],
        leases: [{ lease: fence.lease, release: fence.token }],
      },
    )
    throw end.error
  }

  /** The run had ended when its lease was taken: neither the lease nor what a late signal put on the agenda is of use. */
  async #giveUp(fence: Fence): Promise<void> {
    const { lease, token } = fence
    await this.#journal.append([], { fence, agenda: [{ id: lease, due: null }], leases: [{ lease, release: token }] })
  }

  /** A run that only a person can bring on says so on the agenda. */
  #rested({ stream, agendaId, fence }: ExecutionTerms, { state, why, due }: Rest, seen: number): void {
    if (state !== 'parked') return
    const agenda = [{ id: agendaId, due, data: { state, why } }]
    this.#journal.append([], { fence, expect: { [stream]: seen }, agenda }).catch(() => {
      // What it waits for has come meanwhile, and it goes on; or the journal has failed, and the next append says so.
    })
  }

  /** Hears of what others append to the runs that are driven here. */
  #follow(): void {
    if (this.#isFollowing) return
    this.#isFollowing = true
    const { signal } = this.#stopFollowing
    const select = { prefix: 'run/' }
    const followed = this.#journal.subscribe({
      select,
      from: 'now',
      types: fromOutside,
      signal,
      pace: followPaceMs,
      keepsAlive: false,
    })
    const follow = async (): Promise<void> => {
      for await (const item of followed) {
        if (!('notice' in item))
          this.#active.get(idOfStream(item.stream))?.execution?.offer(item as unknown as RunEvent)
      }
    }
    follow().catch(() => {
      // The journal has failed or closed: every append of a run will say so. The next execution follows anew.
      this.#isFollowing = false
    })
  }
}

function checkSameInput({ id, created }: RunRecord, options: RunOptions): void {
  if (options.input === undefined) return
  const found = firstDifference(created.input, options.input, 'input')
  if (found === undefined) return
  throw new HoldfastError(
    'RUN_CONFLICT',
    `run ${JSON.stringify(id)} was started with another input, at ${found.path}`,
    {
      hint: 'Leave the input out to go on with the run, or give the new one another id.',
      details: { id, path: found.path, recorded: found.left, given: found.right },
    },
  )
}

function owned(id: string, cause: unknown): HoldfastError {
  return new HoldfastError('RUN_OWNED', `run ${JSON.stringify(id)} is driven by another process`, {
    hint: "Wait for its end with ifOwned: 'wait', or try again when that process has let go of it.",
    cause,
    details: { id },
  })
}

function closed(): HoldfastError {
  return new HoldfastError('CLOSED', 'the journal was closed while the run was at work', {
    hint: 'Open it again and run it: it goes on where it was.',
  })
}
