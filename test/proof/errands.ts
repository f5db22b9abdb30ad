// What a person does for the run: signals that it waits for, one that comes early, a budget raised, and a tool settled of which
// nobody knows whether it took effect, after a look outside. Each with a command id where it can have one, so that it is done
// once however often it has to be sent.

import { runEvents } from '../../src/runs/run-event.ts'
import type { Settling } from '../../src/runs/settlement.ts'
import type { DurableLine, OutsideLine } from './outside.mjs'

export interface Errand {
  readonly id: string
  readonly run: string
  readonly kind: 'signal' | 'settle' | 'raise'
  /** Of the signal; the tool's key. */
  readonly name: string
  readonly outcome?: Settling
}

export const raised = { tokens: 1_000 } as const
export const signalled = { by: 'Ada' } as const

/** All that there is to do by these lines, and isn't seen to be done. */
export function errandsOf(lines: readonly OutsideLine[]): readonly Errand[] {
  const errands = new Map<string, Errand>()
  const add = (errand: Errand): unknown => errands.set(errand.id, errand)
  const done = (kind: Errand['kind'], run: string, name: string): void => {
    for (const errand of [...errands.values()]) {
      if (errand.kind === kind && errand.run === run && errand.name === name) errands.delete(errand.id)
    }
  }
  for (const line of lines) {
    if (line.is !== 'durable') continue
    const { run, seq, type, key = '', name = '' } = line
    if (type === runEvents.created && run === 'long') add({ id: 'early', run, kind: 'signal', name: 'early' })
    else if (type === runEvents.wait && name === 'approval') add({ id: name, run, kind: 'signal', name })
    else if (type === runEvents.parked) add({ id: `raise ${seq}`, run, kind: 'raise', name: '' })
    else if (type === runEvents.toolAmbiguous) {
      add({ id: `settle ${run} ${key} ${seq}`, run, kind: 'settle', name: key, outcome: outcomeOf(lines, line) })
    } else if (type === runEvents.signal) done('signal', run, name)
    else if (type === runEvents.raised) done('raise', run, '')
    else if (type === runEvents.toolSettled) done('settle', run, key)
  }
  return [...errands.values()]
}

/** What a look outside tells: whether it was called with what it last intended. */
function outcomeOf(lines: readonly OutsideLine[], { run, key, attempt }: DurableLine): Settling {
  const wasCalled = lines.some(
    (line) =>
      line.is === 'call' && line.kind === 'tool' && line.run === run && line.key === key && line.attempt === attempt,
  )
  return wasCalled ? { done: true, result: { did: key } } : { done: false }
}
