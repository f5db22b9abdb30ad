// What the agenda says of a run while it is executed. Written where it changes, together with the event that changes it.
//
// Invariant: what it is taken to say is what it says, or unknown: since others have changed it, or since that failed.

import type { Clock } from '../host/clock.ts'
import type { AgendaInput } from '../journal/append-options.ts'
import type { Rest } from './rest.ts'
import { neverDue } from './run-event.ts'

const undoing = 'undoes what its reversible tools did, because it failed or was cancelled'

export class RunEntry {
  readonly #id: string
  readonly #clock: Clock
  /** 'running', why it runs when there is more to say, or a rest; undefined when it isn't known. */
  #says: string | Rest | undefined
  #isUndoing = false

  constructor(id: string, clock: Clock, says: 'running' | undefined) {
    this.#id = id
    this.#clock = clock
    this.#says = says
  }

  /** Others have changed it, or what was to change it was refused. */
  changed(): void {
    this.#says = undefined
  }

  /** From now on it works to undo what its tools did. */
  undoes(): void {
    this.#isUndoing = true
  }

  saysRest(rest: Rest): boolean {
    const says = this.#says
    if (says === undefined || typeof says === 'string') return false
    return says.due === rest.due && says.state === rest.state && says.why === rest.why
  }

  rests(rest: Rest): AgendaInput {
    const { due, state, why } = rest
    this.#says = rest
    return { id: this.#id, due, data: due === neverDue ? { state, why } : { state, why, until: due } }
  }

  /** Undefined when it says so already. */
  works(): AgendaInput | undefined {
    const says = this.#isUndoing ? undoing : 'running'
    if (this.#says === says) return undefined
    this.#says = says
    const why = this.#isUndoing ? { why: undoing } : {}
    return { id: this.#id, due: this.#clock.now(), data: { state: 'running', ...why } }
  }
}
