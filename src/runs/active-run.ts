// A run that this process has in hand: driven, or out of memory until something wakes it. What is kept of one that is out of
// memory is this object and its promise, so that a hundred thousand of them cost little.
//
//   beginning ──lease──▶ driven ──rests too long──▶ leaving ──released──▶ passive ──due, told──▶ beginning
//
// Invariant: there is one of these for a run at most, so that in this process its lease is taken by nobody else.

import { HoldfastError, isHoldfastError, never } from '../errors.ts'
import type { Fence } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'
import { type Budgets, checkBudgets } from './budget.ts'
import type { DefineOptions } from './definitions.ts'
import type { DueQueue, Sleeper } from './due-queue.ts'
import { Execution } from './execution.ts'
import type { ExecutionEnd, ExecutionHost } from './execution-terms.ts'
import { executionTerms } from './execution-terms.ts'
import { inputDifference } from './input-check.ts'
import { keepDivergence } from './kept-divergence.ts'
import type { RestingRuns } from './resting-runs.ts'
import { Run, type RunFunction } from './run.ts'
import { RunChance } from './run-chance.ts'
import type { RunEnds } from './run-ends.ts'
import { agendaIdOf, inlineName, neverDue, type RunCreated, type RunEvent, runEvents, streamOf } from './run-event.ts'
import type { RunLeases } from './run-leases.ts'
import { type RunRecord, readEnding, readRecord, resultOf } from './run-record.ts'
import type { WakingRoom } from './waking-room.ts'

export interface RunOptions<Input = unknown> {
  readonly input?: Input
  /** The version of the code: recorded with the run, and where it changes, for reports. */
  readonly version?: string
  /** Steps that have another name since the run began: { old: 'new' }. */
  readonly renamed?: Readonly<Record<string, string>>
  /** What it may spend; recorded when it is created. When a limit is reached, it is parked until journal.raise(). */
  readonly budgets?: Budgets
  /** What to do while another process drives the run: 'reject' (RUN_OWNED, the default) or 'wait' for its end. */
  readonly ifOwned?: 'reject' | 'wait'
}

/** What the runs of a process share. */
export interface RunGround {
  readonly journal: Journal
  readonly host: ExecutionHost
  readonly leases: RunLeases
  readonly ends: RunEnds
  readonly due: DueQueue
  readonly resting: RestingRuns
  readonly room: WakingRoom
  readonly isClosed: boolean
  /** Keeps the process from ending. Returns how to let go. */
  keepAlive(): () => void
  /** It is no longer in hand. */
  left(run: ActiveRun): void
}

/** Who has taken the run on. */
export interface Employer extends Sleeper {
  rested(run: ActiveRun): void
  woke(run: ActiveRun): void
  left(run: ActiveRun, error: unknown): void
}

/** Once driven here, it is waited for wherever it goes. */
const goingOn: RunOptions = { ifOwned: 'wait' }

export class ActiveRun implements Sleeper {
  readonly id: string
  readonly #ground: RunGround
  readonly #call: RunFunction
  #options: RunOptions
  #employer: Employer | undefined
  #standing: 'new' | 'beginning' | 'driven' | 'leaving' | 'passive' | 'over' = 'new'
  #execution: Execution | undefined
  #due: number = neverDue
  #isInRoom = false
  #isLettingGo = false
  /** While it was leaving: somebody has told it something, or a claim has taken its lease. */
  #isTold = false
  #claimed: Fence | undefined
  #joined: Joined | undefined
  #whenOver: (() => void) | undefined

  constructor(ground: RunGround, id: string, call: RunFunction, terms: ActiveTerms = {}) {
    this.id = id
    this.#ground = ground
    this.#call = call
    this.#options = terms.options ?? { ...goingOn, ...terms.code }
    this.#employer = terms.employer
  }

  get isNew(): boolean {
    return this.#standing === 'new'
  }

  /** Its result, when it has one, wherever it comes from. */
  join(): Promise<unknown> {
    this.#joined ??= joined(this.#ground.keepAlive())
    return this.#joined.promise
  }

  /** `fence`: its lease was taken with a claim. */
  begin(fence?: Fence): void {
    this.#standing = 'beginning'
    this.#resume(fence).catch((error: unknown) => this.#over({ error }))
  }

  /** A run that was just created, under a lease of this process. */
  beginWith(record: RunRecord, fence: Fence): void {
    this.#execute(record, fence, 'running')
  }

  offer(event: RunEvent): void {
    if (this.#standing === 'leaving') this.#isTold = true
    else if (this.#standing === 'passive') this.#wake()
    else this.#execution?.offer(event)
  }

  /** Something may have been missed while it was out of memory. */
  lookAgain(): void {
    if (this.#standing === 'passive') this.#wake()
  }

  wakeDue(due: number): void {
    if (this.#standing === 'passive' && this.#due === due) this.#wake()
  }

  /** A claim has taken its lease. Whether that is of use. */
  takeOn(fence: Fence, employer: Employer): boolean {
    if (this.#standing === 'passive') {
      this.#employer = employer
      this.begin(fence)
    } else if (this.#standing === 'leaving') {
      this.#employer = employer
      this.#claimed = fence
    } else if (this.#execution !== undefined) {
      // This process stood still for longer than its lease lasts, and its own claim has shut it out.
      this.#employer = employer
      this.#claimed = fence
      this.#execution.halt(owned(this.id, undefined))
    } else return false
    return true
  }

  passivate(): void {
    this.#execution?.passivate()
  }

  /** Its employer goes. Who has joined it keeps it here; else it is due for others when this resolves. */
  letGo(): Promise<void> {
    this.#employer = undefined
    if (this.#joined !== undefined || this.#standing === 'over') return Promise.resolve()
    this.#isLettingGo = true
    return new Promise((resolve) => {
      this.#whenOver = resolve
      this.#execution?.halt(letGo())
    })
  }

  /** The journal is being closed. The lease that it held, for letting go of all together. */
  close(): Fence | undefined {
    const fence = this.#execution?.terms.fence
    this.#execution?.halt(closed())
    if (this.#execution === undefined) this.#over({ error: closed() })
    return fence
  }

  #wake(): void {
    this.#standing = 'beginning'
    this.#ground.room.enter(() => {
      this.#isInRoom = true
      this.begin()
    })
  }

  #leaveRoom(): void {
    if (!this.#isInRoom) return
    this.#isInRoom = false
    this.#ground.room.leave()
  }

  async #resume(claimed: Fence | undefined): Promise<void> {
    const { journal } = this.#ground
    let fence = claimed
    for (;;) {
      if (this.#ground.isClosed) throw closed()
      const record = await readRecord(journal, this.id)
      if (record === undefined && fence !== undefined) {
        // There is something on the agenda that is no run.
        await this.#giveUp(fence)
        return this.#over({ value: () => undefined })
      }
      if (record === undefined) {
        const begun = await this.#create()
        if (begun !== undefined) return this.#execute(begun.record, begun.fence, 'running')
        continue
      }
      checkSameInput(journal, record, this.#options)
      const ending = await readEnding(journal, this.id)
      if (ending !== undefined) {
        if (fence !== undefined) await this.#giveUp(fence)
        return this.#over({ value: () => resultOf(this.id, ending) })
      }
      fence ??= await this.#take(record)
      if (fence !== undefined) return this.#execute(record, fence, undefined)
    }
  }

  /** Undefined when somebody else has created it meanwhile. */
  async #create(): Promise<{ readonly record: RunRecord; readonly fence: Fence } | undefined> {
    const { journal, host, leases } = this.#ground
    const created: RunCreated = { name: inlineName, ...givenOf(this.#options), seed: host.random.hex(16) }
    const lease = agendaIdOf(inlineName, this.id)
    const prepared = journal.prepare(
      streamOf(this.id),
      { type: runEvents.created, data: created },
      {
        expect: 'none',
        agenda: [{ id: lease, due: host.clock.now(), data: { state: 'running' } }],
        leases: [{ lease, acquire: leases.owner, ttl: leases.ttlMs }],
      },
    )
    try {
      const receipt = await prepared.append()
      const token = receipt.leases[0]?.token ?? 0
      // The function is called with what a replay will call it with.
      const record = { id: this.id, created: prepared.data(0) as RunCreated, createdAt: host.clock.now() }
      return { record, fence: { lease, token } }
    } catch (error) {
      if (isHoldfastError(error, 'SEQ_CONFLICT')) return undefined
      throw error
    }
  }

  /** Takes the lease of a run that is there. Undefined when there is something new to look at. */
  async #take(record: RunRecord): Promise<Fence | undefined> {
    const lease = agendaIdOf(record.created.name, this.id)
    try {
      return await this.#ground.leases.acquire(lease)
    } catch (error) {
      if (!isHoldfastError(error, 'LEASE_HELD')) throw error
      if (this.#options.ifOwned !== 'wait') throw owned(this.id, error)
      this.#leaveRoom()
      await this.#untilFree(lease)
      return undefined
    }
  }

  /** Until the run may have ended, or its lease is past its time. */
  async #untilFree(lease: string): Promise<void> {
    const { journal, host, ends } = this.#ground
    const held = await journal.leases.get(lease)
    const leftMs = held?.held === true ? Math.max(leaseLookMs, held.until - host.clock.now()) : 0
    if (leftMs === 0) return
    await new Promise<void>((resolve) => {
      const timer = host.clock.after(leftMs, () => resolve())
      const unwatch = ends.watch(this.id, () => {
        timer.cancel()
        unwatch()
        resolve()
      })
    })
  }

  #execute(record: RunRecord, fence: Fence, entry: 'running' | undefined): void {
    this.#standing = 'driven'
    const { version, renamed } = this.#options
    const code = { ...(version === undefined ? {} : { version }), ...(renamed === undefined ? {} : { renamed }) }
    this.#options = { ...goingOn, ...code }
    const execution = new Execution(this.#ground.host, {
      ...executionTerms(this.#ground.journal, record, { ...code, fence }),
      entry,
      caughtUp: () => this.#leaveRoom(),
      rested: () => {
        this.#ground.resting.add(this)
        this.#employer?.rested(this)
      },
      woke: () => {
        this.#ground.resting.delete(this)
        this.#employer?.woke(this)
      },
    })
    this.#execution = execution
    this.#ground.leases.keep(fence, (error) => execution.halt(owned(this.id, error)))
    execution.end.then((end) => this.#ended(fence, end)).catch((error: unknown) => this.#over({ error }))
    if (this.#ground.isClosed) {
      execution.halt(closed())
      return
    }
    if (this.#isLettingGo) {
      execution.halt(letGo())
      return
    }
    const { created } = record
    const run = new Run(execution, new RunChance(created.seed))
    execution.begin(async () => this.#call(run, created.input))
  }

  async #ended(fence: Fence, end: ExecutionEnd): Promise<void> {
    this.#leaveRoom()
    this.#ground.resting.delete(this)
    this.#execution = undefined
    if (end.is === 'passive') return this.#leave(fence, end)
    this.#ground.leases.letGo(fence)
    switch (end.is) {
      case 'ended':
        if (end.wasFound) await this.#giveUp(fence)
        this.#over({ value: () => resultOf(this.id, end) })
        return
      case 'diverged':
        await keepDivergence(this.#ground.journal, { id: this.id, fence }, end.error)
        throw end.error
      case 'halted':
        if (this.#claimed !== undefined && !this.#isLettingGo) {
          this.begin(this.#takeClaimed())
          return
        }
        if (this.#isLettingGo) await this.#release(fence, {})
        throw isHoldfastError(end.error, 'LEASE_LOST') ? owned(this.id, end.error) : end.error
      case 'checked':
        never('only a check ends without anything to do')
    }
  }

  /** It was put out of memory. Its lease is given back, unless somebody has told it something meanwhile. */
  async #leave(fence: Fence, { due, seq }: { readonly due: number; readonly seq: number }): Promise<void> {
    this.#standing = 'leaving'
    this.#ground.leases.letGo(fence)
    try {
      await this.#release(fence, { expect: { [streamOf(this.id)]: seq }, durability: 'eventual' })
    } catch (error) {
      if (!isHoldfastError(error, 'SEQ_CONFLICT')) throw error
      if (this.#isLettingGo) await this.#ended(fence, { is: 'halted', error: letGo() })
      else this.begin(fence)
      return
    }
    const claimed = this.#takeClaimed()
    if (this.#isLettingGo) throw letGo()
    if (claimed !== undefined) return this.begin(claimed)
    this.#standing = 'passive'
    this.#due = due
    if (this.#isTold) {
      this.#isTold = false
      return this.#wake()
    }
    if (this.#employer === undefined || this.#joined !== undefined) return this.#ground.due.add(due, this)
    // The agenda has all that is needed to find it again.
    this.#ground.due.add(due, this.#employer)
    this.#over({ value: () => undefined })
  }

  #takeClaimed(): Fence | undefined {
    const claimed = this.#claimed
    this.#claimed = undefined
    return claimed
  }

  async #release({ lease, token }: Fence, options: object): Promise<void> {
    const leases = [{ lease, release: token }]
    await this.#ground.journal.append([], { fence: { lease, token }, leases, ...options })
  }

  /** The run had ended when its lease was taken: neither the lease nor what a late signal put on the agenda is of use. */
  async #giveUp(fence: Fence): Promise<void> {
    await this.#release(fence, { agenda: [{ id: fence.lease, due: null }] })
  }

  #over(end: { readonly value: () => unknown } | { readonly error: unknown }): void {
    if (this.#standing === 'over') return
    this.#standing = 'over'
    this.#leaveRoom()
    this.#ground.left(this)
    this.#employer?.left(this, 'error' in end ? end.error : undefined)
    this.#ground.ends.tell(this.id)
    this.#whenOver?.()
    if (this.#joined === undefined) return
    const { resolve, reject, release } = this.#joined
    release()
    try {
      if ('error' in end) reject(end.error)
      else resolve(end.value())
    } catch (error) {
      reject(error)
    }
  }
}

/** What is recorded of what a run is started with. */
export function givenOf({
  input,
  version,
  budgets,
}: Pick<RunOptions, 'input' | 'version' | 'budgets'>): Partial<RunCreated> {
  return {
    ...(input === undefined ? {} : { input }),
    ...(version === undefined ? {} : { version }),
    ...(budgets === undefined ? {} : { budgets: checkBudgets(budgets) }),
  }
}

export interface ActiveTerms {
  readonly options?: RunOptions
  /** Of what is defined by name. */
  readonly code?: DefineOptions
  readonly employer?: Employer
}

interface Joined {
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly release: () => void
}

/** Past its time by another clock than this: looked at again after so long. */
const leaseLookMs = 10

function joined(release: () => void): Joined {
  let settle: Pick<Joined, 'resolve' | 'reject'> | undefined
  const promise = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, release, ...(settle as unknown as Pick<Joined, 'resolve' | 'reject'>) }
}

function checkSameInput(journal: Journal, { id, created }: RunRecord, options: RunOptions): void {
  if (options.input === undefined) return
  const event = { type: runEvents.created, data: { ...created } }
  const found = inputDifference({ journal, stream: streamOf(id) }, event, options.input)
  if (found !== undefined) throw otherInput(id, found)
}

export function otherInput(
  id: string,
  found: { readonly path: string; readonly left: unknown; readonly right: unknown },
): HoldfastError {
  return new HoldfastError(
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

export function closed(): HoldfastError {
  return new HoldfastError('CLOSED', 'the journal was closed while the run was at work', {
    hint: 'Open it again and run it: it goes on where it was.',
  })
}

function letGo(): HoldfastError {
  return new HoldfastError('CLOSED', 'the worker was stopped while the run was at work', {
    hint: 'It goes on where it was, with the next worker.',
  })
}
