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

/** Of what each of all that was asked for waits for. Undefined when nothing was asked for. */
export function restOf(all: readonly Waiting[]): Rest | undefined {
  const [first] = all
  if (first === undefined) return undefined
  if (all.length === 1) return { state: first.state, why: first.why, due: first.due ?? neverDue }
  const states = new Set(all.map(({ state }) => state))
  const state = states.has('parked') ? 'parked' : states.has('waiting') ? 'waiting' : 'sleeping'
  const whys = all.slice(0, reasonsMax).map(({ why }) => why)
  if (all.length > reasonsMax) whys.push(`${all.length - reasonsMax} more`)
  return { state, why: whys.join('; '), due: Math.min(...all.map(({ due = neverDue }) => due)) }
}
