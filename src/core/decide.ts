// What an append amounts to, judged in one place for all stores: duplicate, refusal, or the events' numbers and the
// control records that go with them. Pure: it reads the state through a view and changes nothing.
//
// Order of judgement: command id first (a repeat is a repeat even if its expectation no longer holds), then expected
// seqs, fences, leases, blobs. A claim of due entries stands alone. Time is the journal's own: it never decreases,
// whatever the clock does.

import { HoldfastError } from '../errors.ts'
import type {
  AgendaItem,
  Batch,
  ClaimQuery,
  EncodedEvent,
  LeaseChange,
  LeaseGrant,
  LeaseState,
  Receipt,
} from '../stores/store.ts'
import { controlsOf, namesBlobs } from './batch-controls.ts'
import type { CommandControl, Control, LeaseControl } from './control.ts'
import type { DecisionView, PlacedEvent } from './decision-view.ts'
import { leaseFloor, leaseFloorName } from './lease-floor.ts'
import type { Position, Seq, TimeMs } from './numbers.ts'

export type Decision =
  | { readonly kind: 'nothing'; readonly receipt: Receipt }
  | { readonly kind: 'duplicate'; readonly receipt: Receipt }
  | { readonly kind: 'refused'; readonly error: HoldfastError }
  | {
      readonly kind: 'commit'
      readonly time: TimeMs
      /** Written before the events, so that a batch with events ends with its last event. */
      readonly controls: readonly Control[]
      readonly events: readonly PlacedEvent[]
      readonly receipt: Receipt
    }

const none: readonly never[] = Object.freeze([])

export function decide(batch: Batch, view: DecisionView, now: TimeMs): Decision {
  if (batch.claim !== undefined) return decideClaim(batch.claim, batch, { view, time: Math.max(now, view.time) })
  if (isEmpty(batch)) return { kind: 'nothing', receipt: emptyReceipt(view.position) }
  if (batch.command !== undefined) {
    const known = view.command(batch.command.id)
    if (known !== undefined) return repeated(batch.command, known)
  }
  const time = Math.max(now, view.time)
  // Fences first: who has been shut out must hear that, and not that there is something new to go on from.
  const refusal = fenceError(batch, view) ?? expectationError(batch, view) ?? blobError(batch, view)
  if (refusal !== undefined) return { kind: 'refused', error: refusal }

  const leases = batch.leases === undefined ? none : decideLeases(batch.leases, view, time)
  if (leases instanceof HoldfastError) return { kind: 'refused', error: leases }

  const events = placeEvents(batch.events, view)
  const receipt = commitReceipt(batch, view, { events, leases })
  const controls = isPlain(batch) ? none : controlsOf(batch, view, { time, events, leases, receipt })
  return { kind: 'commit', time, controls, events, receipt }
}

/** The receipt that a known command had, as the answer to its repetition. */
export function receiptOf(command: CommandControl): Receipt {
  const events = command.events.map(([stream, seq, position]) => ({ stream, seq, position }))
  const leases = (command.leases ?? none).map(([lease, token, until]) => ({ lease, token, until }))
  return { position: command.position, seq: events.at(-1)?.seq ?? 0, events, leases, duplicate: true, durable: true }
}

/** Whether nobody else can take it at this time. */
export function isHeld(lease: Pick<LeaseState, 'held' | 'until'> | undefined, time: TimeMs): boolean {
  return lease?.held === true && lease.until > time
}

function decideClaim(
  claim: ClaimQuery,
  batch: Batch,
  { view, time }: { readonly view: DecisionView; readonly time: TimeMs },
): Decision {
  const { claim: _, events, durability, ...beside } = batch
  if (durability !== 'sync' || events.length > 0 || Object.values(beside).some((part) => part !== undefined)) {
    const error = new HoldfastError('INVALID_ARGUMENT', 'a claim must stand alone in its batch, and be durable', {
      hint: 'Append what goes with the claimed entries under their fences.',
      details: { what: 'claim' },
    })
    return { kind: 'refused', error }
  }
  const { owner, ttlMs, limit } = claim
  const claimed: AgendaItem[] = []
  const controls: LeaseControl[] = []
  if (limit > 0) {
    const floor = floorOf(view)
    for (const { item, lease } of view.due(claim)) {
      if (isHeld(lease, time)) continue
      claimed.push(item)
      controls.push({
        control: 'lease',
        lease: item.id,
        owner,
        token: (lease?.token ?? floor) + 1,
        until: time + ttlMs,
        held: true,
      })
      if (claimed.length === limit) break
    }
  }
  const nothing = { ...emptyReceipt(view.position), claimed }
  if (claimed.length === 0) return { kind: 'nothing', receipt: nothing }
  return { kind: 'commit', time, controls, events: none, receipt: { ...nothing, leases: grants(controls) } }
}

function isEmpty(batch: Batch): boolean {
  return (
    batch.events.length === 0 &&
    (batch.agenda ?? none).length === 0 &&
    (batch.leases ?? none).length === 0 &&
    (batch.pins ?? none).length === 0 &&
    (batch.releases ?? none).length === 0
  )
}

/** Nothing but events without blobs: the common case needs no control record. */
function isPlain(batch: Batch): boolean {
  return (
    batch.command === undefined &&
    batch.agenda === undefined &&
    batch.leases === undefined &&
    batch.pins === undefined &&
    batch.releases === undefined &&
    !namesBlobs(batch)
  )
}

function emptyReceipt(position: Position): Receipt {
  return { position, seq: 0, events: none, leases: none, duplicate: false, durable: true }
}

function repeated(command: { readonly id: string; readonly digest: string }, known: CommandControl): Decision {
  if (known.digest === command.digest) return { kind: 'duplicate', receipt: receiptOf(known) }
  return {
    kind: 'refused',
    error: new HoldfastError(
      'COMMAND_CONFLICT',
      `command id ${JSON.stringify(command.id)} was used before for other content`,
      {
        hint: 'A command id names one append for ever: repeat it with the same content, or choose a new id.',
        details: { commandId: command.id, position: known.position },
      },
    ),
  }
}

function expectationError(batch: Batch, view: DecisionView): HoldfastError | undefined {
  if (batch.expect === undefined) return undefined
  for (const [stream, expected] of batch.expect) {
    const actual = view.lastSeq(stream)
    if (actual === expected) continue
    return new HoldfastError(
      'SEQ_CONFLICT',
      `stream ${JSON.stringify(stream)} is at seq ${actual}, but the append expects ${expected === 0 ? 'no events' : expected}`,
      {
        hint: 'Somebody appended in between: read the stream again, decide again, and append with its new seq.',
        details: { stream, expected, actual },
      },
    )
  }
  return undefined
}

function fenceError(batch: Batch, view: DecisionView): HoldfastError | undefined {
  if (batch.fences === undefined) return undefined
  for (const fence of batch.fences) {
    const lease = view.lease(fence.lease)
    if (lease === undefined || !lease.held || lease.token !== fence.token) {
      return leaseLost(fence.lease, fence.token, lease)
    }
  }
  return undefined
}

function blobError(batch: Batch, view: DecisionView): HoldfastError | undefined {
  for (const event of batch.events) {
    if (event.blobs === undefined) continue
    for (const digest of event.blobs) {
      if (view.hasBlob(digest) || view.stagedBlob(digest) !== undefined) continue
      return new HoldfastError('BLOB_MISSING', `the event ${event.type} names blob ${digest}, which is not stored`, {
        hint: 'Put the content first and append the reference that put() returned.',
        details: { digest, stream: event.stream },
      })
    }
  }
  return undefined
}

function decideLeases(
  changes: readonly LeaseChange[],
  view: DecisionView,
  time: TimeMs,
): readonly LeaseControl[] | HoldfastError {
  const floor = floorOf(view)
  const [only] = changes
  if (only !== undefined && changes.length === 1) {
    const result = decideLease(only, view.lease(only.lease), { time, floor })
    return result instanceof HoldfastError ? result : withFloor([result], floor)
  }
  const decided = new Map<string, LeaseControl>()
  for (const change of changes) {
    const current = decided.get(change.lease) ?? view.lease(change.lease)
    const result = decideLease(change, current, { time, floor })
    if (result instanceof HoldfastError) return result
    decided.set(change.lease, result)
  }
  return withFloor([...decided.values()], floor)
}

/** What is released takes the highest token with it. */
function withFloor(results: readonly LeaseControl[], floor: number): readonly LeaseControl[] {
  let risen = floor
  for (const { gone, token } of results) if (gone === true) risen = Math.max(risen, token)
  return risen > floor ? [...results, leaseFloor(risen)] : results
}

/** The highest token of all leases that were released. */
function floorOf(view: DecisionView): number {
  return view.lease(leaseFloorName)?.token ?? 0
}

function decideLease(
  change: LeaseChange,
  current: LeaseState | LeaseControl | undefined,
  { time, floor }: { readonly time: TimeMs; readonly floor: number },
): LeaseControl | HoldfastError {
  const { lease } = change
  if (change.op === 'acquire') {
    const { owner } = change
    if (current !== undefined && current.owner !== owner && isHeld(current, time)) return leaseHeld(lease, current)
    return {
      control: 'lease',
      lease,
      owner,
      token: (current?.token ?? floor) + 1,
      until: time + change.ttlMs,
      held: true,
    }
  }
  if (current === undefined || !current.held || current.token !== change.token) {
    return leaseLost(lease, change.token, current)
  }
  const { owner, token } = current
  return change.op === 'renew'
    ? { control: 'lease', lease, owner, token, until: time + change.ttlMs, held: true }
    : { control: 'lease', lease, owner, token, until: time, held: false, gone: true }
}

function leaseHeld(lease: string, current: LeaseState | LeaseControl): HoldfastError {
  return new HoldfastError('LEASE_HELD', `lease ${JSON.stringify(lease)} is held by ${JSON.stringify(current.owner)}`, {
    hint: `It is free once released, or at ${new Date(current.until).toISOString()}.`,
    details: { lease, owner: current.owner, token: current.token, until: current.until },
  })
}

function leaseLost(lease: string, token: number, current: LeaseState | LeaseControl | undefined): HoldfastError {
  const now =
    current === undefined
      ? 'nobody holds it'
      : current.held
        ? `its token is ${current.token}, held by ${JSON.stringify(current.owner)}`
        : 'it was released'
  return new HoldfastError('LEASE_LOST', `token ${token} does not hold lease ${JSON.stringify(lease)}: ${now}`, {
    hint: 'Another owner may be at work: stop what the lease protects, and acquire it anew.',
    details: { lease, token, current: current?.token },
  })
}

function placeEvents(events: readonly EncodedEvent[], view: DecisionView): readonly PlacedEvent[] {
  const first = events[0]
  if (events.length === 1 && first !== undefined) {
    const { stream } = first
    return [{ stream, seq: view.lastSeq(stream) + 1, position: view.position + 1, event: first }]
  }
  const seqs = new Map<string, Seq>()
  return events.map((event, index) => {
    const seq = (seqs.get(event.stream) ?? view.lastSeq(event.stream)) + 1
    seqs.set(event.stream, seq)
    return { stream: event.stream, seq, position: view.position + 1 + index, event }
  })
}

function commitReceipt(
  batch: Batch,
  view: DecisionView,
  parts: { readonly events: readonly PlacedEvent[]; readonly leases: readonly LeaseControl[] },
): Receipt {
  const last = parts.events.at(-1)
  return {
    position: last?.position ?? view.position,
    seq: last?.seq ?? 0,
    events: parts.events.map(({ stream, seq, position }) => ({ stream, seq, position })),
    leases: parts.leases.length === 0 ? none : grants(parts.leases),
    duplicate: false,
    durable: batch.durability === 'sync',
  }
}

function grants(leases: readonly LeaseControl[]): readonly LeaseGrant[] {
  return leases.filter((lease) => lease.held).map(({ lease, token, until }) => ({ lease, token, until }))
}
