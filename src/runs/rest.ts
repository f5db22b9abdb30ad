// When a run rests: everything that it has asked for waits, for a time or for somebody. Then nothing of it needs to be in
// memory, and its entry of the agenda says until when, for every process that has the journal open.

import type { TimeMs } from '../core/numbers.ts'
import type { Waiting } from './ask.ts'
import { neverDue } from './run-event.ts'

/** When an entry is due that an event has brought to life: before all that waits for its turn. The same at all times, so that
 * a command that is sent twice has the same content. */
export const toldDue: TimeMs = 0

export interface Rest {
  readonly state: 'sleeping' | 'waiting' | 'parked'
  /** In words that follow "it". */
  readonly why: string
  readonly due: TimeMs
}

const reasonsMax = 3

/** Undefined while any of it is at work, and when nothing was asked for. */
export function restOf(asked: Iterable<{ readonly waiting: Waiting | undefined }>): Rest | undefined {
  const all: Waiting[] = []
  for (const { waiting } of asked) {
    if (waiting === undefined) return undefined
    all.push(waiting)
  }
  if (all.length === 0) return undefined
  const states = new Set(all.map(({ state }) => state))
  const state = states.has('parked') ? 'parked' : states.has('waiting') ? 'waiting' : 'sleeping'
  const whys = all.slice(0, reasonsMax).map(({ why }) => why)
  if (all.length > reasonsMax) whys.push(`${all.length - reasonsMax} more`)
  return { state, why: whys.join('; '), due: Math.min(...all.map(({ due = neverDue }) => due)) }
}
