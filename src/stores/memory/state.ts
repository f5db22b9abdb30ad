// What a memory journal consists of, and how decided batches and control records change it.
//
// Invariants: events stand in position order; a stream's retained events are a contiguous run of seqs that ends with
// its newest (or nothing of it is retained); a number once given out is never given out again, so a stream's state
// outlives its events. Each event is kept as its encoded text with its checksum and parsed anew by every read: no
// object of a caller is ever shared, and the bytes are the ones that every other store keeps.

import type { BlobControl, CommandControl, Control } from '../../core/control.ts'
import type { DecisionView, DueItem, PlacedEvent } from '../../core/decision-view.ts'
import { textBytes } from '../../core/event-bytes.ts'
import type { Position, Seq, TimeMs } from '../../core/numbers.ts'
import { bodySum, encodeEventTail, eventBody, hex8 } from '../../core/record.ts'
import type { RemovedBlock } from '../../core/removed-blocks.ts'
import { compareUtf8 } from '../../core/utf8-order.ts'
import { assert } from '../../errors.ts'
import type { AgendaItem, AgendaQuery, LeaseState, PinState, StreamHead } from '../store.ts'
import type { BlobMap } from './blobs.ts'

export interface StoredEvent {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
  readonly time: TimeMs
  readonly type: string
  readonly blobs: readonly string[]
  readonly text: string
  readonly sum: string
  readonly bytes: number
}

export interface StreamState {
  readonly name: string
  seq: Seq
  position: Position
  events: StoredEvent[]
}

export class MemoryState implements DecisionView {
  position: Position = 0
  /** Of the newest record. */
  time: TimeMs = 0
  /** Of the newest event. */
  eventTime: TimeMs = 0
  /** Command ids from before this time are forgotten. */
  forgetBefore: TimeMs = 0
  bytes = 0
  events: StoredEvent[] = []
  /** In order, none touching the next. */
  removed: readonly RemovedBlock[] = []
  readonly streams: Map<string, StreamState> = new Map()
  readonly commands: Map<string, CommandControl> = new Map()
  readonly agenda: Map<string, AgendaItem> = new Map()
  readonly leases: Map<string, LeaseState> = new Map()
  readonly pins: Map<string, PinState> = new Map()
  /** Per stream: the last seq that a batch released. */
  readonly released: Map<string, Seq> = new Map()
  readonly blobs: BlobMap = new Map()

  releasedThrough(stream: string): Seq {
    return this.released.get(stream) ?? 0
  }

  lastSeq(stream: string): Seq {
    return this.streams.get(stream)?.seq ?? 0
  }

  command(id: string): CommandControl | undefined {
    return this.commands.get(id)
  }

  lease(name: string): LeaseState | undefined {
    return this.leases.get(name)
  }

  hasBlob(digest: string): boolean {
    return this.blobs.get(digest)?.named ?? false
  }

  stagedBlob(digest: string): BlobControl | undefined {
    const blob = this.blobs.get(digest)
    return blob === undefined ? undefined : { control: 'blob', digest, bytes: blob.content.length }
  }

  due(query: AgendaQuery): readonly DueItem[] {
    return this.agendaItems(query).map((item) => ({ item, lease: this.leases.get(item.id) }))
  }

  /** By due time, then id. */
  agendaItems({ dueBy = Number.POSITIVE_INFINITY, prefix = '' }: AgendaQuery): readonly AgendaItem[] {
    return [...this.agenda.values()]
      .filter((item) => item.due <= dueBy && item.id.startsWith(prefix))
      .sort((a, b) => a.due - b.due || compareUtf8(a.id, b.id))
  }

  /** Soft pins end by themselves. */
  livePins(now: TimeMs): readonly PinState[] {
    return [...this.pins.values()].filter((pin) => pin.until === undefined || pin.until > now)
  }

  headOf(name: string): StreamHead | undefined {
    const stream = this.streams.get(name)
    if (stream === undefined) return undefined
    const { seq, position, events } = stream
    return { stream: name, seq, position, earliest: events[0]?.seq ?? seq + 1 }
  }

  /** The stream's state, made when it is named for the first time. */
  ensureStream(name: string): StreamState {
    const known = this.streams.get(name)
    if (known !== undefined) return known
    const created: StreamState = { name, seq: 0, position: 0, events: [] }
    this.streams.set(name, created)
    return created
  }

  addEvent(event: StoredEvent): void {
    assert(event.position > this.position, 'positions rise')
    const stream = this.ensureStream(event.stream)
    assert(event.seq === stream.seq + 1, 'seqs have no hole')
    stream.seq = event.seq
    stream.position = event.position
    stream.events.push(event)
    this.events.push(event)
    this.position = event.position
    this.eventTime = event.time
    this.bytes += event.bytes
  }

  applyControl(control: Control): void {
    switch (control.control) {
      case 'agenda':
        this.#applyAgenda(control.id, control.due, control.data)
        break
      case 'lease': {
        const { lease, owner, token, until, held, gone } = control
        if (gone === true) this.leases.delete(lease)
        else this.leases.set(lease, { lease, owner, token, until, held })
        break
      }
      case 'command':
        this.commands.set(control.id, control)
        break
      case 'forget':
        this.forgetCommands(control.before)
        break
      case 'pin':
        if (control.from === null) this.pins.delete(control.pin)
        else {
          const { pin, stream, from, until } = control
          this.pins.set(pin, { pin, stream, from, until })
        }
        break
      case 'released':
        this.released.set(control.stream, control.through)
        break
      case 'blob':
        this.#applyBlob(control)
        break
      case 'retain':
      case 'removed':
      case 'rewrite':
      case 'witness':
        // They describe a log; here removal is done where it is decided (retain.ts, load.ts).
        break
    }
  }

  forgetCommands(before: TimeMs): void {
    this.forgetBefore = Math.max(this.forgetBefore, before)
    for (const command of this.commands.values()) {
      if (command.time < before) this.commands.delete(command.id)
    }
  }

  #applyAgenda(id: string, due: TimeMs | null, data: unknown): void {
    if (due === null) this.agenda.delete(id)
    else this.agenda.set(id, { id, due, data: data === undefined ? undefined : JSON.stringify(data) })
  }

  #applyBlob(control: BlobControl): void {
    const known = this.blobs.get(control.digest)
    if (known !== undefined) known.named = true
    else if (control.data !== undefined) {
      this.blobs.set(control.digest, { content: Buffer.from(control.data, 'base64'), named: true, claims: new Set() })
    }
  }
}

export function encodePlaced(placed: PlacedEvent, time: TimeMs, more: boolean): StoredEvent {
  const { position, stream, seq, event } = placed
  const body = eventBody({ position, stream, seq, time }, encodeEventTail(event), more)
  const text = `${body}}`
  const sum = hex8(bodySum(body))
  return { position, stream, seq, time, type: event.type, blobs: event.blobs ?? [], text, sum, bytes: textBytes(text) }
}
