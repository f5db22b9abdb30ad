// What a run's function has asked for, held against what the journal says that it had asked for: how changed code is
// noticed before it does something else than the record says.
//
// A turn is what the function does between two deliveries; it is named by the seq of the event that began it. An event
// that the driver appended holds which keys had been asked for since the driver's event before it, and the last turn of
// which that is known to be all (`seen`). So, at that event, a replay must have asked for the same keys in those turns.
// What is asked for late, after the turn that it belongs to (the function waited for something that is not the run's),
// belongs to no turn for sure: it is no sign of other code.
//
// Marks are keys of another kind: places where the code changed (run.patched). They are recorded along with the rest, and
// a replay that doesn't ask for one any more is no other code.

import type { Seq } from '../core/numbers.ts'

export interface AskVerdict {
  /** Recorded, and not asked for so far. */
  readonly missing: readonly string[]
  /** Asked for in time, and not in the record. */
  readonly excess: readonly string[]
}

export interface AskMarks {
  readonly asked: readonly string[]
  /** Those of `asked` that were asked for late. */
  readonly late: readonly string[]
}

const unmarked: AskMarks = { asked: [], late: [] }
const clear: AskVerdict = { missing: [], excess: [] }
/** The turn of what belongs to none for sure. */
const noTurn = Number.POSITIVE_INFINITY
// No name gives a key like this: marks in names are doubled.
const markPrefix = '#patched '

export class AskLog {
  /** Asked for, and not yet in an event that was met: key → turn. */
  readonly #unrecorded: Map<string, Seq> = new Map()
  /** In an event that was met, and not yet asked for. */
  #unasked: Set<string> | undefined
  /** Asked for, and not yet in an event that was made: key → whether late. */
  readonly #unwritten: Map<string, boolean> = new Map()
  #marks: Set<string> | undefined

  static markOf(name: string): string {
    return markPrefix + name
  }

  static isMark(key: string): boolean {
    return key.startsWith(markPrefix)
  }

  ask(key: string, turn: Seq, isLate: boolean): void {
    if (this.#unasked?.delete(key) === true) return
    this.#unrecorded.set(key, isLate ? noTurn : turn)
    this.#unwritten.set(key, isLate)
  }

  /** To be recorded with the next event that is made. */
  addMark(mark: string): void {
    if (!this.hasMark(mark)) this.#unwritten.set(mark, false)
  }

  /** Whether an event that was met has it. */
  hasMark(mark: string): boolean {
    return this.#marks?.has(mark) === true
  }

  /** For the next event that is made: what it has to record. */
  takeUnwritten(): AskMarks {
    if (this.#unwritten.size === 0) return unmarked
    const asked: string[] = []
    const late: string[] = []
    for (const [key, isLate] of this.#unwritten) {
      asked.push(key)
      if (isLate) late.push(key)
    }
    this.#unwritten.clear()
    return { asked, late }
  }

  /** An event of the driver is met, in history or after it became durable. */
  meet(asked: readonly string[]): void {
    for (const key of asked) {
      this.#unwritten.delete(key)
      if (AskLog.isMark(key)) {
        this.#marks ??= new Set()
        this.#marks.add(key)
      } else if (!this.#unrecorded.delete(key)) {
        this.#unasked ??= new Set()
        this.#unasked.add(key)
      }
    }
  }

  judge(seen: Seq): AskVerdict {
    if (this.#unrecorded.size === 0 && (this.#unasked?.size ?? 0) === 0) return clear
    const excess: string[] = []
    for (const [key, turn] of this.#unrecorded) if (turn <= seen) excess.push(key)
    return { missing: [...(this.#unasked ?? [])], excess }
  }

  /** The record has them as asked for late: that they came in time here is no other code. */
  excuse(keys: readonly string[]): void {
    for (const key of keys) this.#unrecorded.set(key, noTurn)
  }
}
