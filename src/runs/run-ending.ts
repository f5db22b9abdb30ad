// What goes with the end of a run, in one batch: its entry of the agenda, its lease and its pins go, its parent is told, and the
// children that it leaves are asked to end.

import type { AgendaInput, Fence } from '../journal/append-options.ts'
import type { Draft, DraftExtras, OtherEvent } from './draft.ts'
import type { ChildRef, Lineage } from './family.ts'
import { toldDue } from './rest.ts'
import { agendaIdOf, type RunData, runEvents, streamOf } from './run-event.ts'

const told = { due: toldDue, data: { state: 'queued' } }

export interface EndingRun {
  readonly id: string
  readonly agendaId: string
  readonly fence: Fence
  readonly lineage: Lineage
  /** What its steps and tools have said that they cost: its parent has spent it too. */
  readonly spent: Readonly<Record<string, number>>
  /** What keeps the events that it shares. */
  readonly pins: readonly { readonly pin: string; readonly stream: string }[] | undefined
}

/** `tellsParent`: its parent hasn't ended, as far as it knows. */
export function endingExtras(
  { id, agendaId, fence, lineage: { parent }, spent, pins }: EndingRun,
  children: Iterable<ChildRef>,
  tellsParent: boolean,
): (form: Pick<Draft, 'type' | 'data'>) => DraftExtras {
  const charge = Object.keys(spent).length === 0 ? {} : { charge: spent }
  return ({ type, data }) => {
    const left = cancelledChildren(children, { reason: 'the run that it is a child of has ended', parentEnded: true })
    const agenda: AgendaInput[] = [{ id: agendaId, due: null }, ...left.agenda]
    const also: OtherEvent[] = [...left.also]
    if (parent !== undefined && tellsParent) {
      also.unshift({
        stream: streamOf(parent.id),
        type: runEvents.childEnded,
        data: { key: parent.key, id, ...endOf(type, data), ...charge },
      })
      agenda.push({ id: agendaIdOf(parent.name, parent.id), ...told })
    }
    return {
      agenda,
      leases: [{ lease: fence.lease, release: fence.token }],
      also,
      ...(pins === undefined ? {} : { pins: pins.map((pin) => ({ ...pin, from: null })) }),
    }
  }
}

export function cancelledChildren(
  children: Iterable<ChildRef>,
  data: RunData,
): { readonly agenda: readonly AgendaInput[]; readonly also: readonly OtherEvent[] } {
  const all = [...children]
  return {
    agenda: all.map(({ id, name }) => ({ id: agendaIdOf(name, id), ...told })),
    also: all.map(({ id }) => ({ stream: streamOf(id), type: runEvents.cancelRequested, data })),
  }
}

function endOf(type: string, data: RunData): RunData {
  const { result, error, reason } = data
  const end = 'error' in data ? { error } : 'result' in data ? { result } : 'reason' in data ? { reason } : {}
  return { end: type, ...end }
}
