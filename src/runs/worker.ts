// A worker: takes on runs that are due, of the names that are defined here, and drives them; so many at a time as it is told.
// A run that rests takes no place. What it has taken on and lets go of, or loses by dying, is due for others.
//
// It looks for work when this process puts some on the agenda, when somebody else does and the journal's feed tells, when a
// run in its hands ends or rests, and once a second in any case: that is how it finds the runs of a worker that has died, and
// those whose sleep is over. What a worker of the same host had is free as soon as that is seen to be dead.

import { isHoldfastError } from '../errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { keepAlive } from '../host/keep-alive.ts'
import type { Fence } from '../journal/append-options.ts'
import { checkWhole, invalidArgument } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import { limits } from '../limits.ts'
import type { Definitions } from './definitions.ts'
import { agendaPrefixOf, checkRunName, idOfAgenda } from './run-event.ts'
import type { Employer, RunInHand } from './run-ground.ts'
import type { RunLeases } from './run-leases.ts'

export interface WorkerOptions {
  /** How many runs it drives at a time, those that rest aside; 64 by default. Runs that wake while they are in memory go on
   * at once, also beyond it. */
  readonly concurrency?: number
  /** Which of the defined runs; all by default, also those that are defined later. */
  readonly names?: readonly string[]
  /** Hears of runs that could not go on here (RUN_DIVERGED, and what the journal says when it fails), and of looks for work
   * that failed. What a run fails with is its result, and not told here. */
  readonly onError?: (error: unknown, about: { readonly id?: string }) => void
}

export interface WorkerGround {
  readonly journal: Journal
  readonly clock: Clock
  readonly leases: RunLeases
  readonly definitions: Definitions
  has(id: string): boolean
  /** Undefined when the run is in other hands of this process. */
  takeOn(name: string, id: string, fence: Fence, employer: Employer): RunInHand | undefined
  gone(worker: Worker): void
}

const pollMs = 1_000
/** Of those that a process before this one had in hand, how many are looked for before its leases have run out. */
const formerMax = 10_000

export class Worker implements Employer, AsyncDisposable {
  readonly #ground: WorkerGround
  readonly #concurrency: number
  readonly #names: readonly string[] | undefined
  readonly #onError: NonNullable<WorkerOptions['onError']>
  readonly #hired: Set<RunInHand> = new Set()
  readonly #resting: Set<RunInHand> = new Set()
  readonly #letGoOfProcess: () => void = keepAlive()
  /** Names by lease of what a process before this one had in hand, and is due: their leases are its own. */
  readonly #former: Map<string, string> = new Map()
  /** Until then, their leases can keep what has just become due from being claimed. */
  #formerUntil = 0
  #turn = 0
  #looking: Promise<void> | undefined
  #mustLook = false
  /** At first, and with each poll. */
  #mustFreeDead = true
  #timer: Timer | undefined
  #stopping: Promise<void> | undefined

  constructor(ground: WorkerGround, { concurrency = limits.workerConcurrency, names, onError }: WorkerOptions = {}) {
    if (checkWhole(concurrency, 'concurrency') === 0) throw invalidArgument('concurrency', '1 or more')
    for (const name of names ?? []) checkRunName(name)
    this.#ground = ground
    this.#concurrency = concurrency
    this.#names = names
    this.#onError = onError ?? (() => undefined)
  }

  /** Looks for work from now on. */
  begin(): void {
    this.#poll()
    if (this.#ground.journal.hasManyWriters) {
      this.look()
      return
    }
    this.#formerUntil = this.#ground.clock.now() + this.#ground.leases.ttlMs
    this.#looking = this.#findFormer(this.#served, true)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#looking = undefined
        this.look()
      })
  }

  serves(name: string): boolean {
    return this.#stopping === undefined && this.#served.includes(name)
  }

  /** There may be work. */
  look(): void {
    if (this.#stopping !== undefined) return
    this.#mustLook = true
    if (this.#looking !== undefined) return
    this.#looking = this.#lookAll().finally(() => {
      this.#looking = undefined
    })
  }

  wakeDue(): void {
    this.look()
  }

  rested(run: RunInHand): void {
    this.#resting.add(run)
    this.look()
  }

  woke(run: RunInHand): void {
    this.#resting.delete(run)
  }

  left(run: RunInHand, error: unknown): void {
    this.#hired.delete(run)
    this.#resting.delete(run)
    // What happens to a run while the worker is being stopped is what was asked for.
    if (error !== undefined && this.#stopping === undefined) this.#onError(error, { id: run.id })
    this.look()
  }

  /** Takes on nothing more, and lets go of its runs at once: what they are at is aborted, and they are due for others when it
   * resolves. Those that this process has joined with run() stay. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#timer?.cancel()
    // What a claim that is under way takes is let go of with the rest.
    await this.#looking
    await Promise.all([...this.#hired].map((run) => run.letGo()))
    this.#hired.clear()
    this.#letGoOfProcess()
    this.#ground.gone(this)
  }

  get #served(): readonly string[] {
    const { definitions } = this.#ground
    return this.#names?.filter((name) => definitions.find(name) !== undefined) ?? definitions.names
  }

  get #free(): number {
    return this.#concurrency - (this.#hired.size - this.#resting.size)
  }

  #poll(): void {
    this.#timer = this.#ground.clock.after(pollMs, () => {
      this.#mustFreeDead = true
      this.look()
      this.#poll()
    })
  }

  async #lookAll(): Promise<void> {
    while (this.#mustLook && this.#stopping === undefined) {
      this.#mustLook = false
      try {
        await this.#ground.leases.renewLate()
        await this.#freeDead()
        await this.#takeFormer()
        await this.#claimAll()
      } catch (error) {
        this.#failed(error)
        return
      }
    }
  }

  /** By the names in turn, so that none of them keeps the others out. */
  async #claimAll(): Promise<void> {
    const names = this.#served
    this.#turn += 1
    for (let at = 0; at < names.length && this.#stopping === undefined; at += 1) {
      const name = names[(at + this.#turn) % names.length]
      const limit = Math.min(this.#free, limits.batchEventsMax)
      if (name === undefined || limit <= 0) return
      const { owner, ttlMs } = this.#ground.leases
      const prefix = agendaPrefixOf(name)
      const claimed = await this.#ground.journal.agenda.claim({ owner, ttl: ttlMs, limit, prefix })
      for (const { fence } of claimed) this.#hire(name, fence)
      if (claimed.length === limit) this.#mustLook = true
      // What rested with a process before this one was due for nobody when this one began.
      else if (this.#ground.clock.now() < this.#formerUntil) await this.#findFormer([name])
    }
    if (this.#former.size > 0 && this.#free > 0) this.#mustLook = true
  }

  #hire(name: string, fence: Fence): void {
    const run = this.#ground.takeOn(name, idOfAgenda(name, fence.lease), fence, this)
    if (run !== undefined) this.#hired.add(run)
  }

  async #freeDead(): Promise<void> {
    if (!this.#mustFreeDead) return
    this.#mustFreeDead = false
    await this.#ground.leases.freeDead()
  }

  async #takeFormer(): Promise<void> {
    for (const [lease, name] of this.#former) {
      if (this.#free <= 0 || this.#stopping !== undefined) return
      this.#former.delete(lease)
      if (this.#ground.has(idOfAgenda(name, lease))) continue
      this.#hire(name, await this.#ground.leases.acquire(lease))
    }
  }

  async #findFormer(names: readonly string[], isBeginning = false): Promise<void> {
    const { journal, leases, clock } = this.#ground
    for (const name of names) {
      const due = await journal.agenda.due({ prefix: agendaPrefixOf(name), limit: formerMax })
      for (const { id: lease } of due) {
        if (this.#ground.has(idOfAgenda(name, lease))) continue
        const state = await journal.leases.get(lease)
        const isHeld = state?.held === true && state.until > clock.now()
        // What this process has taken lasts longer.
        const isFormer = isHeld && state.owner === leases.owner && (isBeginning || state.until < this.#formerUntil)
        if (isFormer) this.#former.set(lease, name)
      }
    }
  }

  /** The next poll tries again. */
  #failed(error: unknown): void {
    if (this.#stopping === undefined && !isHoldfastError(error, 'CLOSED')) this.#onError(error, {})
  }
}
