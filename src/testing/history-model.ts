// What a journal should hold after some appends, worked out from the appends alone: the smallest model of the store port,
// written without the engine so that both can't be wrong in the same way. Invariant: applying the same batches in the same
// order gives the same places.

import type { AgendaChange, Batch, EncodedEvent, EventPlace, LeaseChange, PinChange } from '../stores/store.ts'

/** An event at its place, with its content in a form that can be compared. */
export interface ExpectedEvent extends EventPlace {
  readonly content: string
  /** The next event belongs to the same batch. */
  readonly more: boolean
}

export interface ExpectedLease {
  readonly owner: string
  readonly token: number
  readonly held: boolean
  /** Of the batch that acquired or renewed it. */
  readonly ttlMs: number
}

export interface ExpectedAgendaItem {
  readonly due: number
  readonly data: string | undefined
}

export type Effect =
  | { readonly kind: 'commit'; readonly events: readonly ExpectedEvent[] }
  /** The command id is known: this is what it did. */
  | { readonly kind: 'duplicate'; readonly places: readonly EventPlace[] }
  | { readonly kind: 'refused' }
  /** It is empty: no condition holds it up, and its command id is not used up. */
  | { readonly kind: 'nothing' }

/** No test's clock goes so far: such a lease ends by release alone. */
const endlessMs = 31_536_000_000

/** An event's content as one text: equal texts, equal content. */
export function contentOf(event: Omit<EncodedEvent, 'stream'>): string {
  const { type, version, data, meta, blobs } = event
  return JSON.stringify([type, version, canonical(data), meta === undefined ? null : canonical(meta), blobs ?? []])
}

/** JSON text without insignificant differences in white space and number forms. */
function canonical(text: string): string {
  return JSON.stringify(JSON.parse(text))
}

export function isEmpty({ events, agenda, leases, pins, releases }: Batch): boolean {
  return [events, agenda, leases, pins, releases].every((list) => (list ?? []).length === 0)
}

export class HistoryModel {
  position = 0
  readonly heads: Map<string, number>
  readonly agenda: Map<string, ExpectedAgendaItem>
  readonly leases: Map<string, ExpectedLease>
  readonly pins: Map<string, PinChange>
  readonly commands: Map<string, readonly EventPlace[]>
  /** Per stream, through which seq it was released. */
  readonly released: Map<string, number>
  /** The highest token of the leases that were released. */
  leaseFloor: number

  constructor(from?: HistoryModel) {
    this.position = from?.position ?? 0
    this.heads = new Map(from?.heads)
    this.agenda = new Map(from?.agenda)
    this.leases = new Map(from?.leases)
    this.pins = new Map(from?.pins)
    this.commands = new Map(from?.commands)
    this.released = new Map(from?.released)
    this.leaseFloor = from?.leaseFloor ?? 0
  }

  /** What the batch amounts to as the next one. Changes nothing. */
  judge(batch: Batch, contents: readonly string[]): Effect {
    if (isEmpty(batch)) return { kind: 'nothing' }
    const known = batch.command === undefined ? undefined : this.commands.get(batch.command.id)
    if (known !== undefined) return { kind: 'duplicate', places: known }
    if (!this.#meetsConditions(batch)) return { kind: 'refused' }
    const seqs = new Map<string, number>()
    const events = batch.events.map(({ stream }, index): ExpectedEvent => {
      const seq = (seqs.get(stream) ?? this.heads.get(stream) ?? 0) + 1
      seqs.set(stream, seq)
      const more = index < batch.events.length - 1
      return { stream, seq, position: this.position + 1 + index, content: contents[index] as string, more }
    })
    return { kind: 'commit', events }
  }

  apply(batch: Batch, events: readonly ExpectedEvent[]): void {
    for (const { stream, seq, position } of events) {
      this.heads.set(stream, seq)
      this.position = position
    }
    for (const change of batch.agenda ?? []) this.#applyAgenda(change)
    for (const change of batch.leases ?? []) this.#applyLease(change)
    for (const { lease } of batch.leases ?? []) this.#dropReleased(lease)
    for (const change of batch.pins ?? []) {
      if (change.from === null) this.pins.delete(change.pin)
      else this.pins.set(change.pin, change)
    }
    for (const { stream, through } of batch.releases ?? []) {
      this.released.set(stream, Math.max(through ?? this.heads.get(stream) ?? 0, this.released.get(stream) ?? 0))
    }
    if (batch.command === undefined) return
    this.commands.set(
      batch.command.id,
      events.map(({ stream, seq, position }) => ({ stream, seq, position })),
    )
  }

  #meetsConditions(batch: Batch): boolean {
    for (const [stream, seq] of batch.expect ?? []) if ((this.heads.get(stream) ?? 0) !== seq) return false
    for (const { lease, token } of batch.fences ?? []) {
      const held = this.leases.get(lease)
      if (held === undefined || !held.held || held.token !== token) return false
    }
    return (batch.leases ?? []).every((change) => this.#isGranted(change))
  }

  #isGranted(change: LeaseChange): boolean {
    const lease = this.leases.get(change.lease)
    if (change.op !== 'acquire') return lease?.held === true && lease.token === change.token
    return lease?.held !== true || lease.owner === change.owner || lease.ttlMs < endlessMs
  }

  #applyAgenda({ id, due, data }: AgendaChange): void {
    if (due === null) this.agenda.delete(id)
    else this.agenda.set(id, { due, data: data === undefined ? undefined : canonical(data) })
  }

  #applyLease(change: LeaseChange): void {
    const before = this.leases.get(change.lease)
    if (change.op === 'acquire') {
      const { owner, ttlMs } = change
      this.leases.set(change.lease, { owner, token: (before?.token ?? this.leaseFloor) + 1, held: true, ttlMs })
    } else if (before !== undefined) {
      const held = change.op === 'renew'
      this.leases.set(change.lease, { ...before, held, ttlMs: held ? change.ttlMs : before.ttlMs })
    }
  }

  #dropReleased(name: string): void {
    const lease = this.leases.get(name)
    if (lease === undefined || lease.held) return
    this.leases.delete(name)
    this.leaseFloor = Math.max(this.leaseFloor, lease.token)
  }
}
