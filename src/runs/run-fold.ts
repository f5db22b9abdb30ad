// Where a run stands, as its events tell it: what it has asked for and not been given yet, and what that waits for. For
// looking at runs from outside, without their functions.
//
// Invariant: it goes by the record alone. Whether a process is at work on what is open is not in it.

import type { Seq, TimeMs } from '../core/numbers.ts'
import { AskLog } from './ask-log.ts'
import { compensationTypes, endings, type RunData, type RunEvent, runEvents } from './run-event.ts'
import { isOutcome } from './run-history.ts'
import { Signals } from './signals.ts'

/** Something that is asked for and waits. */
export interface OpenWait {
  readonly key: string
  readonly state: 'sleeping' | 'waiting' | 'parked'
  /** In words that follow "it". */
  readonly why: string
  readonly type: string
  readonly seq: Seq
  readonly time: TimeMs
  readonly due?: TimeMs
  /** The signal that it waits for. */
  readonly signal?: string
}

export interface RunEnd {
  readonly type: string
  readonly data: RunData
  readonly seq: Seq
  readonly time: TimeMs
}

export class RunFold {
  readonly #open: Map<string, OpenWait | undefined> = new Map()
  readonly #signals: Signals = new Signals()
  #end: RunEnd | undefined
  #diverged: RunEvent | undefined
  #last: RunEvent | undefined
  /** A budget of the run is spent. */
  #parked: OpenWait | undefined
  /** The function has ended, and what its tools did is undone. */
  #isUnwinding = false

  /** Keys that are asked for; with what they wait for, if they do and nothing is at work on them. */
  get open(): ReadonlyMap<string, OpenWait | undefined> {
    return this.#open
  }

  get end(): RunEnd | undefined {
    return this.#end
  }

  /** The report of the newest event but those from outside, when it is one of changed code. */
  get diverged(): RunEvent | undefined {
    return this.#diverged
  }

  /** The newest event. */
  get last(): RunEvent | undefined {
    return this.#last
  }

  /** Undefined when something is at work, or nothing is asked for. */
  get rest(): OpenWait | undefined {
    if (this.#parked !== undefined) return this.#parked
    const waits = [...this.#open.values()]
    if (waits.includes(undefined)) return undefined
    const of = (state: OpenWait['state']): OpenWait | undefined => waits.find((wait) => wait?.state === state)
    const sleeping = waits.filter((wait) => wait !== undefined).sort((a, b) => (a.due ?? 0) - (b.due ?? 0))
    return of('parked') ?? of('waiting') ?? sleeping[0]
  }

  meet(event: RunEvent): void {
    const { type, data } = event
    this.#last = event
    if (endings.includes(type)) this.#end = event
    if (type === runEvents.diverged) this.#diverged = event
    else if (typeof data.seen === 'number') this.#diverged = undefined
    if (type === runEvents.parked) this.#parked = this.#parking('', event)
    if (type === runEvents.raised) this.#parked = undefined
    if (type === runEvents.unwinding) this.#unwind()
    const key = typeof data.key === 'string' ? data.key : undefined
    if (!this.#isUnwinding) this.#meetAsks(key, event)
    else if (key !== undefined) this.#meetUndo(key, event)
  }

  #unwind(): void {
    this.#isUnwinding = true
    this.#open.clear()
    this.#parked = undefined
  }

  #meetAsks(key: string | undefined, event: RunEvent): void {
    const { type, data } = event
    const asked = Array.isArray(data.asked) ? (data.asked as string[]) : key === undefined ? [] : [key]
    if (typeof data.seen === 'number') for (const one of asked) this.#ask(one)
    if (type === runEvents.signal) {
      const taken = this.#signals.offer(event)
      if (taken !== undefined) this.#open.delete(taken.key)
    }
    if (key !== undefined && this.#open.has(key)) this.#meetOpen(key, event)
  }

  #ask(key: string): void {
    if (!AskLog.isMark(key)) this.#open.set(key, undefined)
  }

  #meetOpen(key: string, event: RunEvent): void {
    const { type, data } = event
    if (type === runEvents.sleep) this.#rest(key, event, `sleeps until ${timeText(data.until)}`, data.until)
    else if (type === runEvents.stepRetried || type === runEvents.toolRetried) {
      this.#rest(key, event, `tries ${JSON.stringify(key)} again at ${timeText(data.due)}`, data.due)
    } else if (type === runEvents.wait) this.#wait(key, event)
    else if (type === runEvents.toolAmbiguous) this.#open.set(key, this.#parking(key, event))
    else if (compensationTypes.includes(type)) this.#undo(key, event)
    else if (isOutcome(event)) this.#settle(key)
    else this.#open.set(key, undefined)
  }

  /** Of what is undone at the end of the run: its tool's ask has long been settled. */
  #meetUndo(key: string, event: RunEvent): void {
    const { type, data } = event
    if (type === runEvents.compensated) this.#open.delete(key)
    else if (compensationTypes.includes(type)) this.#undo(key, event)
    else if (type === runEvents.toolSettled && data.done === false) this.#open.set(key, undefined)
    else if (type === runEvents.toolSettled) this.#open.delete(key)
  }

  #undo(key: string, event: RunEvent): void {
    const { type, seq, time, data } = event
    const name = JSON.stringify(key)
    if (type === runEvents.compensationFailed) {
      const failed = data.error instanceof Error ? data.error.message : String(data.error)
      const why = `could not undo ${name} (${failed}), until that is settled`
      this.#open.set(key, { key, state: 'parked', why, type, seq, time })
    } else if (type === runEvents.compensationRetried) {
      this.#rest(key, event, `tries to undo ${name} again at ${timeText(data.due)}`, data.due)
    } else this.#open.set(key, undefined)
  }

  #rest(key: string, { type, seq, time }: RunEvent, why: string, due: unknown): void {
    this.#open.set(key, { key, state: 'sleeping', why, type, seq, time, due: Number(due) })
  }

  #parking(key: string, { type, seq, time, data }: RunEvent): OpenWait {
    const why = `waits for a person${typeof data.why === 'string' ? ` (${data.why})` : ''}`
    return { key, state: 'parked', why, type, seq, time }
  }

  #wait(key: string, { type, seq, time, data }: RunEvent): void {
    const signal = String(data.name)
    const until = typeof data.until === 'number' ? { due: data.until } : {}
    const why = `waits for the signal ${JSON.stringify(signal)}`
    this.#open.set(key, { key, state: 'waiting', why, type, seq, time, signal, ...until })
    const kept = this.#signals.wait(signal, { key, settle: (value) => ({ value }) })
    if (kept !== undefined) this.#open.delete(key)
  }

  #settle(key: string): void {
    const wait = this.#open.get(key)
    if (wait?.signal !== undefined) this.#signals.forget(wait.signal, key)
    this.#open.delete(key)
  }
}

/** No Date is later. */
const timeMax = 8_640_000_000_000_000

export function timeText(time: unknown): string {
  return new Date(Math.min(Number(time), timeMax)).toISOString()
}
