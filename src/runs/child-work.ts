// run.child: a run of its own, which the parent waits for. It begins in one batch with the event that says so in the parent's
// stream, and its end is told there in one batch with the end: a crash comes before both or after both.
//
// A child with a name is driven by whoever has that name defined, and the parent may be out of memory meanwhile. One that is
// given as a function is driven beside its parent, which stays.

import { HoldfastError } from '../errors.ts'
import type { AskWork, Settlement, Waiting } from './ask.ts'
import type { Draft, DraftExtras } from './draft.ts'
import { thrownOf } from './error-record.ts'
import type { Execution } from './execution.ts'
import type { Child } from './family.ts'
import { agendaIdOf, inlineName, type RunCreated, type RunEvent, runEvents, streamOf } from './run-event.ts'

export interface ChildTerms extends Child {
  readonly created: RunCreated
  /** The id was chosen by the caller, and may be taken. */
  readonly isOwnId: boolean
}

const answers = [runEvents.child, runEvents.childEnded]

export class ChildWork implements AskWork {
  readonly answers: readonly string[] = answers
  readonly #execution: Execution
  readonly #key: string
  #terms: ChildTerms
  #hasBegun = false

  constructor(execution: Execution, key: string, terms: ChildTerms) {
    this.#execution = execution
    this.#key = key
    this.#terms = terms
  }

  get waiting(): Waiting | undefined {
    const { id, name } = this.#terms
    if (!this.#hasBegun || name === inlineName) return undefined
    return { state: 'waiting', why: `waits for its child ${JSON.stringify(id)}` }
  }

  met({ type, data, seq }: RunEvent): Settlement | undefined {
    if (type === runEvents.child) {
      if ('error' in data) return { error: thrownOf(data.error) }
      // A fork has children of its own: who ends tells the run that began it.
      if (this.#execution.terms.history.isShared(seq)) return undefined
      // As it is recorded: its key may have been renamed.
      this.#terms = { ...this.#terms, id: String(data.id) }
      this.#hasBegun = true
      this.#execution.setChild(this.#key, this.#terms)
      return undefined
    }
    if (data.end === runEvents.completed) return { value: data.result }
    return { error: data.end === runEvents.failed ? thrownOf(data.error) : this.#cancelled(data.reason) }
  }

  start(): void {
    const { family } = this.#execution.host
    if (this.#hasBegun) {
      family.adopt(this.#terms)
      return
    }
    this.#hasBegun = true
    // Before it is durable: an end of the run that comes behind it in the journal cancels it.
    this.#execution.setChild(this.#key, this.#terms)
    const { id, name, isOwnId } = this.#terms
    const lease = family.leaseFor(this.#terms)
    const data = { key: this.#key, id, name }
    this.#execution.make(runEvents.child, data, {
      extras: (form) => ('error' in form.data ? this.#unborn() : this.#birth(lease)),
      done: ({ leases }, prepared) => {
        if ('error' in (prepared.data(0) as object)) return
        const born = { data: prepared.data(1), time: this.#execution.host.clock.now(), token: leases[0]?.token }
        family.begun(this.#terms, born)
      },
      ...(isOwnId ? { refused: (error: unknown): Draft => this.#taken(error) } : {}),
    })
  }

  stop(reason: unknown): void {
    const { cancellation, isLive, host } = this.#execution
    if (!isLive || !this.#hasBegun || cancellation === undefined || reason !== cancellation) return
    host.family.cancel(this.#terms, 'its parent was cancelled')
  }

  #birth(lease: { readonly acquire: string; readonly ttl: number } | undefined): DraftExtras {
    const { id, name, created } = this.#terms
    const agendaId = agendaIdOf(name, id)
    const data = { state: lease === undefined ? 'queued' : 'running' }
    return {
      also: [{ stream: streamOf(id), type: runEvents.created, data: { ...created } }],
      none: [streamOf(id)],
      agenda: [{ id: agendaId, due: this.#execution.host.clock.now(), data }],
      leases: lease === undefined ? [] : [{ lease: agendaId, ...lease }],
    }
  }

  #unborn(): DraftExtras {
    this.#execution.setChild(this.#key, undefined)
    return {}
  }

  #taken(cause: unknown): Draft {
    this.#unborn()
    const { id } = this.#terms
    const error = new HoldfastError('RUN_CONFLICT', `there is a run ${JSON.stringify(id)} already`, {
      hint: 'Give the child another id, or none: then it is named for its parent and its name.',
      cause,
      details: { id },
    })
    return { type: runEvents.child, data: { key: this.#key, id, error } }
  }

  #cancelled(reason: unknown): HoldfastError {
    const { id } = this.#terms
    return new HoldfastError('RUN_CANCELLED', `the child run ${JSON.stringify(id)} was cancelled`, {
      details: { id, ...(reason === undefined ? {} : { reason }) },
    })
  }
}
