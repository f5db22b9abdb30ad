// How a run comes to its end: its function returns, throws or is cancelled; what its tools did is undone where it failed; then
// the event that ends the run is made.
//
// Invariants: the function's end is one event at most, and what the run ends with is what stands in the record before; nothing
// is undone before it is recorded that the run is being unwound, and from then on the function has no say any more.

import { HoldfastError } from '../errors.ts'
import type { Budget } from './budget.ts'
import type { CodeCheck, Found } from './code-check.ts'
import type { Draft } from './draft.ts'
import type { ExecutionTerms } from './execution-terms.ts'
import type { ChildRef } from './family.ts'
import type { OpenAsks } from './open-asks.ts'
import type { Outbox } from './outbox.ts'
import { type Rest, restOf } from './rest.ts'
import { cancelledChildren, endingExtras } from './run-ending.ts'
import { type RunData, type RunEvent, runEvents } from './run-event.ts'
import type { ToolLedger } from './tool-ledger.ts'
import type { Turns } from './turns.ts'
import type { UndoHost } from './undo.ts'
import { Unwinding } from './unwinding.ts'

export interface ClosingHost extends UndoHost {
  readonly terms: ExecutionTerms
  readonly tools: ToolLedger
  readonly budget: Budget
  readonly isLive: boolean
  readonly isOver: boolean
  make(type: string, data: RunData, extras?: Omit<Draft, 'type' | 'data'>): void
  diverge(found: Found, event: RunEvent): void
}

export interface ClosingParts {
  readonly asks: OpenAsks
  readonly code: CodeCheck
  readonly outbox: Outbox
  readonly turns: Turns
}

export class Closing {
  readonly #host: ClosingHost
  readonly #parts: ClosingParts
  // Made only for who asks: most functions never do.
  #abort: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined
  /** Children that have begun and not ended, by the key of their ask. */
  #children: Map<string, ChildRef> | undefined
  #cancelled: HoldfastError | undefined
  #hasReturned = false
  #hasThrown = false
  /** It was told so; then the parent's stream is none of its business any more. */
  #hasParentEnded = false
  #unwinding: Unwinding | undefined

  constructor(host: ClosingHost, parts: ClosingParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Aborted when the run is cancelled, ends, or can't go on here. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#aborted !== undefined) this.#abort.abort(this.#aborted.reason)
    }
    return this.#abort.signal
  }

  get cancellation(): HoldfastError | undefined {
    return this.#cancelled
  }

  /** The function has returned or thrown. */
  get hasReturned(): boolean {
    return this.#hasReturned
  }

  /** Once it is recorded that the run is being unwound. */
  get unwinding(): Unwinding | undefined {
    return this.#unwinding
  }

  /** What is left to be waited for, if none of it is at work. */
  get waitsFor(): Rest | undefined {
    if (!this.#hasReturned) return this.#parts.asks.rest
    const waiting = this.#unwinding?.waiting
    return waiting === undefined ? undefined : restOf([waiting])
  }

  setChild(key: string, child: ChildRef | undefined): void {
    if (child === undefined) this.#children?.delete(key)
    else {
      this.#children ??= new Map()
      this.#children.set(key, child)
    }
  }

  returned(result: unknown): void {
    this.#end(runEvents.completed, result === undefined ? {} : { result })
  }

  threw(error: unknown): void {
    this.#hasThrown = true
    const isCancelled = this.#cancelled !== undefined
    const type = isCancelled ? runEvents.cancelled : runEvents.failed
    const data = isCancelled ? { reason: this.#cancelled?.message } : { error }
    if (this.#host.tools.owes) this.#beginUnwinding(type, data)
    else this.#end(type, data)
  }

  /** In the function's turn. */
  cancel({ data: { reason, parentEnded } }: RunEvent): void {
    if (parentEnded === true) this.#hasParentEnded = true
    // It has ended by itself, if not yet in the record.
    if (this.#hasReturned) return
    const { id } = this.#host.terms
    const why = typeof reason === 'string' && reason !== '' ? `: ${reason}` : ''
    this.#cancelled = new HoldfastError('RUN_CANCELLED', `run ${JSON.stringify(id)} was cancelled${why}`, {
      details: { id, ...(reason === undefined ? {} : { reason }) },
    })
    this.#abortWith(this.#cancelled)
    this.#parts.asks.cancelAll(this.#cancelled)
  }

  /** From here on, what the run ends with is what is recorded here. */
  async unwind(event: RunEvent): Promise<void> {
    const { code, outbox } = this.#parts
    // The function may be waiting for something of its own before it fails.
    await code.untilReturned()
    if (this.#host.isOver) return
    if (!this.#hasThrown) {
      const returned = this.#hasReturned ? { returned: true } : {}
      this.#host.diverge({ seq: event.seq, recorded: [runEvents.unwinding], attempted: [], ...returned }, event)
      return
    }
    outbox.entry.undoes()
    outbox.clear()
    const { error, reason, ends } = event.data
    const type = ends === runEvents.cancelled ? runEvents.cancelled : runEvents.failed
    const { tools } = this.#host
    const unwinding = new Unwinding(this.#host, tools.owed(), () => {
      const { left } = tools
      const undone = { compensated: unwinding.compensated, ...(left.length === 0 ? {} : { left }) }
      this.#end(type, { ...(type === runEvents.cancelled ? { reason } : { error }), ...undone })
    })
    this.#unwinding = unwinding
    if (this.#host.isLive) unwinding.start()
  }

  /** The execution is over. The function of one that is put out of memory is not at work, and begins anew elsewhere. */
  stop(reason: unknown, { isPassive }: { readonly isPassive: boolean }): void {
    this.#unwinding?.stop(reason)
    this.#children = undefined
    if (!isPassive) this.#abortWith(reason)
  }

  /** What the run's tools did is undone before the run ends. */
  #beginUnwinding(type: string, data: RunData): void {
    if (this.#host.isOver) return
    this.#stopAsks()
    this.#abortWith(undefined)
    const left = cancelledChildren(this.#allChildren, { reason: 'the run that it is a child of has failed' })
    this.#parts.outbox.entry.undoes()
    const extras = this.#cancelled === undefined ? { extras: left } : {}
    this.#host.make(runEvents.unwinding, { ...data, ends: type }, extras)
  }

  get #allChildren(): readonly ChildRef[] {
    return this.#children === undefined ? [] : [...this.#children.values()]
  }

  /** Only the first reason counts. */
  #abortWith(reason: unknown): void {
    if (this.#aborted !== undefined) return
    this.#aborted = { reason }
    this.#abort?.abort(reason)
  }

  #stopAsks(): void {
    const { asks, code, turns } = this.#parts
    if (!this.#hasReturned) code.returned(turns.seen, turns.isLate)
    this.#hasReturned = true
    asks.stopAll(this.#aborted?.reason)
  }

  /** So does the run, unless history goes on behind this. */
  #end(type: string, data: RunData): void {
    if (this.#host.isOver) return
    this.#stopAsks()
    const { terms, tools, budget } = this.#host
    const abandoned = this.#parts.asks.keys
    const ambiguous = tools.unclear()
    const marks = {
      ...(abandoned.length === 0 ? {} : { abandoned }),
      ...(ambiguous.length === 0 ? {} : { ambiguous }),
    }
    const hasFamily = terms.lineage.parent !== undefined || this.#allChildren.length > 0
    this.#host.make(
      type,
      { ...data, ...marks },
      {
        extras: (form) =>
          endingExtras({ ...terms, spent: budget.given }, this.#allChildren, !this.#hasParentEnded)(form),
        // So that of a parent and a child who end at the same time, the later knows of the earlier.
        ...(hasFamily ? { awaitsAll: true } : {}),
      },
    )
  }
}
