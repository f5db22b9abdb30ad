// A run that this process has in hand: driven, or out of memory until something wakes it. What is kept of one that is out of
// memory is this object and its promise, so that a hundred thousand of them cost little.
//
//   beginning ──lease──▶ driven ──rests too long──▶ leaving ──released──▶ passive ──due, told──▶ beginning
//
// Invariant: there is one of these for a run at most, so that in this process its lease is taken by nobody else.

import { isHoldfastError, never } from '../errors.ts'
import type { Fence } from '../journal/append-options.ts'
import type { Definition } from './definitions.ts'
import type { Sleeper } from './due-queue.ts'
import { Execution } from './execution.ts'
import { type Driver, type ExecutionEnd, executionTerms } from './execution-terms.ts'
import { keepDivergence } from './kept-divergence.ts'
import { Run, type RunFunction } from './run.ts'
import { RunChance } from './run-chance.ts'
import { neverDue, type RunEvent, streamOf } from './run-event.ts'
import { closed, type Employer, letGo, owned, type RunGround, type RunInHand } from './run-ground.ts'
import { RunJoining, type RunYield } from './run-joining.ts'
import type { LeaseHolder } from './run-leases.ts'
import type { RunOptions } from './run-options.ts'
import { type RunRecord, resultOf } from './run-record.ts'
import { type Begun, takeRun } from './run-taking.ts'
import type { Guest } from './waking-room.ts'

export interface ActiveTerms {
  readonly options?: RunOptions
  readonly employer?: Employer
}

/** Once driven here, it is waited for wherever it goes. */
const goingOn: RunOptions = { ifOwned: 'wait' }

/** Most have no terms of their own, and share these. */
function goingOnWith({ version, renamed }: Pick<RunOptions, 'version' | 'renamed'>): RunOptions {
  if (version === undefined && renamed === undefined) return goingOn
  return { ...goingOn, ...(version === undefined ? {} : { version }), ...(renamed === undefined ? {} : { renamed }) }
}

export class ActiveRun implements Driver, Sleeper, RunInHand, Guest, LeaseHolder {
  readonly id: string
  readonly #ground: RunGround
  readonly #call: RunFunction
  #options: RunOptions
  readonly #limits: Definition['limits']
  #employer: Employer | undefined
  #standing: 'new' | 'beginning' | 'driven' | 'leaving' | 'passive' | 'over' = 'new'
  #execution: Execution | undefined
  #due: number = neverDue
  #isInRoom = false
  #isLettingGo = false
  /** While it was leaving or beginning: somebody has told it something; while it was leaving, a claim has taken its lease. */
  #isTold = false
  #claimed: Fence | undefined
  #joining: RunJoining | undefined
  #whenOver: (() => void) | undefined

  constructor(ground: RunGround, id: string, code: Definition, terms: ActiveTerms) {
    this.id = id
    this.#ground = ground
    this.#call = code.call
    this.#limits = code.limits
    this.#options = terms.options ?? goingOnWith(code)
    this.#employer = terms.employer
  }

  get isNew(): boolean {
    return this.#standing === 'new'
  }

  /** Its result, when it has one, wherever it comes from. */
  join(): Promise<unknown> {
    this.#joining ??= new RunJoining(this.#ground.keepAlive())
    return this.#joining.promise
  }

  /** Begins when there is room. */
  enter(): void {
    this.#standing = 'beginning'
    this.#ground.room.enter(this)
  }

  admitted(): boolean {
    if (this.#standing === 'over') return false
    this.#isInRoom = true
    this.begin()
    return true
  }

  /** `fence`: its lease was taken with a claim. */
  begin(fence?: Fence): void {
    this.#standing = 'beginning'
    this.#resume(fence).catch(async (error: unknown) => {
      if (fence !== undefined) await this.#putOff(fence, error)
      this.#over({ error })
    })
  }

  /** A run that was just created, under a lease of this process. */
  beginWith(record: RunRecord, fence: Fence): void {
    this.#execute({ record, fence, entry: 'running', behind: undefined })
  }

  offer(event: RunEvent): void {
    if (this.#standing === 'leaving' || this.#standing === 'beginning') this.#isTold = true
    else if (this.#standing === 'passive') this.enter()
    else this.#execution?.offer(event)
  }

  /** Something may have been missed of what it was told. */
  lookAgain(): void {
    if (this.#standing === 'leaving' || this.#standing === 'beginning') this.#isTold = true
    else if (this.#standing === 'passive') this.enter()
    else this.#execution?.lookAgain()
  }

  wakeDue(due: number): void {
    if (this.#standing === 'passive' && this.#due === due) this.enter()
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

  leaseLost(error: unknown): void {
    this.#execution?.halt(owned(this.id, error))
  }

  passivate(): void {
    this.#execution?.passivate()
  }

  letGo(): Promise<void> {
    this.#employer = undefined
    if (this.#joining !== undefined || this.#standing === 'over') return Promise.resolve()
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

  settled(): void {
    this.#leaveRoom()
  }

  rested(): void {
    this.#leaveRoom()
    this.#ground.resting.add(this)
    this.#employer?.rested(this)
  }

  woke(): void {
    this.#ground.resting.delete(this)
    this.#employer?.woke(this)
  }

  #leaveRoom(): void {
    if (!this.#isInRoom) return
    this.#isInRoom = false
    this.#ground.room.leave()
  }

  async #resume(claimed: Fence | undefined): Promise<void> {
    const waits = (): void => this.#leaveRoom()
    const taken = await takeRun(this.#ground, { id: this.id, options: this.#options, claimed, waits })
    if (taken.is === 'over') this.#over(taken)
    else this.#execute(taken)
  }

  #execute({ record, fence, entry, behind }: Omit<Begun, 'is'>): void {
    this.#standing = 'driven'
    // What it was told while it began stands behind what was read, or in it.
    const known = this.#isTold ? undefined : behind
    this.#isTold = false
    const { version, renamed } = this.#options
    this.#options = goingOnWith(this.#options)
    const code = { fence, entry, version, renamed, limits: this.#limits }
    const execution = new Execution(this.#ground.host, executionTerms(this.#ground.journal, record, code, this))
    this.#execution = execution
    this.#ground.leases.keep(fence, this)
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
    execution.begin(async () => this.#call(run, created.input), known)
  }

  async #ended(fence: Fence, end: ExecutionEnd): Promise<void> {
    this.#leaveRoom()
    this.#ground.resting.delete(this)
    this.#execution = undefined
    if (end.is === 'passive') return this.#leave(fence, end)
    this.#ground.leases.letGo(fence)
    switch (end.is) {
      case 'ended':
        if (end.wasFound) await this.#ground.leases.giveUp(fence)
        this.#ground.halted.forget(this.id)
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
        if (this.#isLettingGo) await this.#ground.leases.release(fence)
        else await this.#putOff(fence, end.error)
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
      await this.#ground.leases.releaseAt(streamOf(this.id), seq, fence)
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
      return this.enter()
    }
    if (this.#employer === undefined || this.#joining !== undefined) return this.#ground.due.add(due, this)
    // The agenda has all that is needed to find it again.
    this.#ground.due.add(due, this.#employer)
    this.#over({ value: () => undefined })
  }

  /** A worker is to try it again, later. Not when it is others' by now, or this process goes. */
  async #putOff(fence: Fence, error: unknown): Promise<void> {
    const isGone = this.#ground.isClosed || isHoldfastError(error, 'LEASE_LOST', 'RUN_OWNED', 'CLOSED')
    if (this.#employer !== undefined && !isGone) await this.#ground.halted.putOff(this.id, fence, error)
  }

  #takeClaimed(): Fence | undefined {
    const claimed = this.#claimed
    this.#claimed = undefined
    return claimed
  }

  #over(end: RunYield | { readonly error: unknown }): void {
    if (this.#standing === 'over') return
    this.#standing = 'over'
    this.#leaveRoom()
    this.#ground.left(this)
    this.#employer?.left(this, 'error' in end ? end.error : undefined)
    this.#ground.ends.tell(this.id)
    this.#whenOver?.()
    this.#joining?.settle(end)
  }
}
