// Which effects a run has on the world that nobody may forget: calls of `once` and `reversible` tools whose outcome isn't
// known, and what `reversible` tools did. A fold of the run's events, so that it is the same after every restart, also of
// tools whose asks are long settled.
//
// Invariant: an entry is there from the intent on until it is known that there is nothing to undo and nothing unclear.

import type { RunData, RunEvent } from './run-event.ts'
import { runEvents } from './run-event.ts'
import type { UndoTerms } from './undo.ts'

interface Entry {
  readonly key: string
  readonly isReversible: boolean
  /** A fork shares it with the run that called it, and that alone undoes it. */
  readonly isShared: boolean
  readonly attempt: number
  readonly idempotencyKey: string
  /** Of the intent: which was begun later. */
  readonly seq: number
  readonly result?: unknown
  /** Its outcome is on its way to the journal, or there. */
  readonly isKnown?: boolean
  /** It waits for a person. */
  readonly isParked?: boolean
}

type Compensation = Pick<UndoTerms, 'compensate' | 'retry' | 'timeoutMs'>

export class ToolLedger {
  // Made with the first that is put in, as most runs have none.
  #entries: Map<string, Entry> | undefined
  #compensations: Map<string, Compensation> | undefined
  /** Keys of what a person said can't be undone. */
  #left: readonly string[] = none

  /** How to undo what this tool does. */
  register(key: string, compensation: Compensation): void {
    this.#compensations ??= new Map()
    this.#compensations.set(key, compensation)
  }

  /** The outcome is on its way to the journal. */
  known(key: string): void {
    this.#change(key, { isKnown: true })
  }

  /** An event with a key is met. `isCalling`: an intent that is met now is called. */
  meet({ type, data, seq }: RunEvent, isCalling: boolean, isShared: boolean): void {
    const key = String(data.key)
    if (type === runEvents.toolIntended) {
      if (isCalling) this.#intend(key, data, { seq, isShared })
      return
    }
    const entry = this.#entries?.get(key)
    if (entry === undefined) return
    if (type === runEvents.tool) this.#end(entry, data)
    else if (type === runEvents.toolSettled) this.#settle(entry, data)
    else if (type === runEvents.toolAmbiguous || type === runEvents.compensationFailed) {
      this.#change(key, { isParked: true })
    } else if (closing.includes(type)) this.#entries?.delete(key)
  }

  /** Whether there is, or may be, something to undo. */
  get owes(): boolean {
    return this.#undoable.length > 0
  }

  /** What is to be undone, newest first. */
  owed(): readonly UndoTerms[] {
    return this.#undoable
      .sort((a, b) => b.seq - a.seq)
      .flatMap(({ key, attempt, idempotencyKey, result }) => {
        const compensation = this.#compensations?.get(key)
        return compensation === undefined ? [] : [{ key, attempt, idempotencyKey, result, ...compensation }]
      })
  }

  get #undoable(): Entry[] {
    return [...(this.#entries?.values() ?? [])].filter(({ isReversible, isShared }) => isReversible && !isShared)
  }

  /** Keys of calls that may have taken effect, and nobody knows. */
  unclear(): readonly string[] {
    return [...(this.#entries?.values() ?? [])].filter(({ isKnown }) => isKnown !== true).map(({ key }) => key)
  }

  get left(): readonly string[] {
    return this.#left
  }

  #intend(
    key: string,
    { effect, attempt, idempotencyKey }: RunData,
    { seq, isShared }: Pick<Entry, 'seq' | 'isShared'>,
  ): void {
    if (effect !== 'once' && effect !== 'reversible') return
    this.#entries ??= new Map()
    this.#entries.set(key, {
      key,
      isReversible: effect === 'reversible',
      isShared,
      attempt: Number(attempt),
      idempotencyKey: String(idempotencyKey),
      seq,
    })
  }

  #end({ key, isReversible }: Entry, data: RunData): void {
    // Of a failure that isn't known to have had no effect, something may be left.
    if (!isReversible || data.thrown === true) this.#entries?.delete(key)
    else this.#change(key, { isKnown: true, result: data.result })
  }

  #settle({ key, isReversible, isParked }: Entry, data: RunData): void {
    if (isParked !== true) return
    if (isReversible && data.done === false) {
      this.#change(key, { isParked: false })
      return
    }
    if (isReversible && 'error' in data) this.#left = [...this.#left, key]
    this.#entries?.delete(key)
  }

  #change(key: string, change: Partial<Entry>): void {
    const entry = this.#entries?.get(key)
    if (entry !== undefined) this.#entries?.set(key, { ...entry, ...change })
  }
}

const none: readonly string[] = []

/** After them the attempt surely has no effect. */
const closing: readonly string[] = [runEvents.toolRetried, runEvents.toolVerified, runEvents.compensated]
