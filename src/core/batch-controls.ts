// The control records of a batch that is to be committed: what stands in the log beside its events.
//
// Every step of a run comes through here: nothing is made for what a batch doesn't have.

import { assert } from '../errors.ts'
import type { AgendaChange, Batch, PinChange, Receipt, Release } from '../stores/store.ts'
import type {
  AgendaControl,
  BlobControl,
  CommandControl,
  Control,
  GrantTuple,
  LeaseControl,
  PinControl,
  PlaceTuple,
} from './control.ts'
import type { DecisionView, PlacedEvent } from './decision-view.ts'
import type { Seq, TimeMs } from './numbers.ts'

const none: readonly never[] = Object.freeze([])

/** What was judged of a batch. */
export interface Decided {
  readonly time: TimeMs
  readonly events: readonly PlacedEvent[]
  readonly leases: readonly LeaseControl[]
  readonly receipt: Receipt
}

/** Written before the events, so that a batch with events ends with its last event. */
export function controlsOf(batch: Batch, view: DecisionView, decided: Decided): readonly Control[] {
  const { agenda, command, pins, releases } = batch
  const controls: Control[] = stagedBlobs(batch, view)
  if (command !== undefined) controls.push(commandControl(command, decided))
  if (agenda !== undefined) for (const change of agenda) controls.push(agendaControl(change))
  for (const lease of decided.leases) controls.push(lease)
  if (pins !== undefined) for (const pin of pins) controls.push(pinControl(pin, decided.time))
  if (releases !== undefined) controls.push(...releasedControls(releases, view, decided.events))
  return controls
}

function agendaControl({ id, due, data }: AgendaChange): AgendaControl {
  if (data === undefined) return { control: 'agenda', id, due }
  return { control: 'agenda', id, due, data: JSON.parse(data) as unknown }
}

function pinControl({ pin, stream, from, ttlMs }: PinChange, time: TimeMs): PinControl {
  return {
    control: 'pin',
    pin,
    ...(stream === undefined ? {} : { stream }),
    from,
    ...(ttlMs === undefined ? {} : { until: time + ttlMs }),
  }
}

/** One for each stream. What was released stays so: a release of less takes nothing back. */
function releasedControls(
  releases: readonly Release[],
  view: DecisionView,
  events: readonly PlacedEvent[],
): readonly Control[] {
  const bounds = new Map<string, Seq>()
  for (const { stream, through } of releases) {
    const asked = through ?? lastSeqIn(events, stream) ?? view.lastSeq(stream)
    bounds.set(stream, Math.max(asked, bounds.get(stream) ?? view.releasedThrough(stream)))
  }
  return [...bounds].map(([stream, through]): Control => ({ control: 'released', stream, through }))
}

export function namesBlobs({ events }: Batch): boolean {
  for (const { blobs } of events) if (blobs !== undefined && blobs.length > 0) return true
  return false
}

function stagedBlobs(batch: Batch, view: DecisionView): BlobControl[] {
  const staged: BlobControl[] = []
  if (!namesBlobs(batch)) return staged
  const digests = new Set(batch.events.flatMap((event) => event.blobs ?? none))
  for (const digest of digests) {
    if (view.hasBlob(digest)) continue
    const control = view.stagedBlob(digest)
    assert(control !== undefined, 'blobs were judged before')
    staged.push(control)
  }
  return staged
}

function commandControl(command: { readonly id: string; readonly digest: string }, decided: Decided): CommandControl {
  const { receipt } = decided
  return {
    control: 'command',
    id: command.id,
    time: decided.time,
    digest: command.digest,
    position: receipt.position,
    events: receipt.events.map(({ stream, seq, position }): PlaceTuple => [stream, seq, position]),
    ...(receipt.leases.length === 0
      ? {}
      : { leases: receipt.leases.map(({ lease, token, until }): GrantTuple => [lease, token, until]) }),
  }
}

function lastSeqIn(events: readonly PlacedEvent[], stream: string): Seq | undefined {
  return events.findLast((event) => event.stream === stream)?.seq
}
