// Judging a group: each batch, in order, by core/decide.ts, against what the database has and what the batches before it
// in the group changed. So a conflict is one caller's own, a duplicate inside a group is one, and the rows to write come
// out at the end, each once, however many batches changed them.
//
// Invariant: what a refused batch asked for leaves no trace here.

import type { BlobControl, CommandControl, Control } from '../../core/control.ts'
import { type Decision, decide } from '../../core/decide.ts'
import type { DecisionView, DueItem, PlacedEvent } from '../../core/decision-view.ts'
import { textBytes } from '../../core/event-bytes.ts'
import type { Position, Seq, TimeMs } from '../../core/numbers.ts'
import { bodySum, encodeEventTail, eventBody, hex8, parseSound } from '../../core/record.ts'
import { never } from '../../errors.ts'
import type { Batch, ClaimQuery, LeaseState } from '../store.ts'
import type { GroupFound, GroupWrite } from './backend.ts'
import { Due } from './due.ts'
import type { AgendaRow, CommandRow, HeadRow, NewEventRow, PinRow, StreamRow } from './rows.ts'

/** Blobs that this process has staged. */
export interface StagedContent {
  staged(digest: string): { readonly bytes: number; readonly data: Uint8Array | undefined } | undefined
}

export class Judging implements DecisionView {
  readonly #head: HeadRow
  readonly #staged: StagedContent
  readonly #streams: Map<string, StreamRow> = new Map()
  readonly #changedStreams: Set<string> = new Set()
  readonly #commands: Map<string, CommandControl> = new Map()
  readonly #leases: Map<string, LeaseState> = new Map()
  readonly #named: Set<string> = new Set()
  readonly #stored: Set<string> = new Set()
  readonly #events: NewEventRow[] = []
  readonly #newCommands: CommandRow[] = []
  readonly #newLeases: Map<string, GroupWrite['leases'][number]> = new Map()
  readonly #agenda: Map<string, AgendaRow | { readonly id: string; readonly due: null }> = new Map()
  readonly #due: Due
  readonly #pins: Map<string, PinRow | { readonly pin: string; readonly from: null }> = new Map()
  readonly #blobs: Map<string, { readonly digest: string; readonly bytes: number; readonly data: Uint8Array }> =
    new Map()
  position: Position
  time: TimeMs
  #eventTime: TimeMs
  #bytes = 0
  #commits = 0

  constructor(found: GroupFound, staged: StagedContent) {
    const { head } = found
    this.#head = head
    this.#staged = staged
    this.position = head.position
    this.time = head.time
    this.#eventTime = head.eventTime
    for (const row of found.streams) this.#streams.set(row.stream, row)
    for (const { id, time, text } of found.commands) {
      // Forgotten, though its row is still to go.
      if (time >= head.forgetBefore) this.#commands.set(id, parseSound(text) as CommandControl)
    }
    this.#due = new Due(found.due)
    for (const row of [...this.#due.leases, ...found.leases]) this.#leases.set(row.lease, row)
    for (const { digest, named } of found.blobs) {
      this.#stored.add(digest)
      if (named) this.#named.add(digest)
    }
  }

  lastSeq(stream: string): Seq {
    return this.#streams.get(stream)?.seq ?? 0
  }

  command(id: string): CommandControl | undefined {
    return this.#commands.get(id)
  }

  lease(name: string): LeaseState | undefined {
    return this.#leases.get(name)
  }

  releasedThrough(stream: string): Seq {
    return this.#streams.get(stream)?.released ?? 0
  }

  hasBlob(digest: string): boolean {
    return this.#named.has(digest)
  }

  /** Large content must still be in the database: a claim that ran out protects it no longer. */
  stagedBlob(digest: string): BlobControl | undefined {
    const blob = this.#staged.staged(digest)
    if (blob === undefined || (blob.data === undefined && !this.#stored.has(digest))) return undefined
    return { control: 'blob', digest, bytes: blob.bytes }
  }

  *due(claim: ClaimQuery): Generator<DueItem, void, undefined> {
    for (const item of this.#due.of(claim, this.#agenda)) yield { item, lease: this.#leases.get(item.id) }
  }

  judge(batch: Batch, now: TimeMs): Decision {
    const decision = decide(batch, this, now)
    if (decision.kind !== 'commit') return decision
    const { events, controls, time } = decision
    for (const control of controls) this.#apply(control)
    for (let index = 0; index < events.length; index++) {
      const placed = events[index]
      if (placed !== undefined) this.#add(placed, time, index < events.length - 1)
    }
    this.time = time
    this.#commits++
    return decision
  }

  /** What the group changes; undefined when nothing is to be written. With `sync`, all that was committed before becomes
   * durable with it. */
  write(options: { readonly sync: boolean; readonly claimsEnded: GroupWrite['claimsEnded'] }): GroupWrite | undefined {
    const { sync, claimsEnded } = options
    const isPending = sync && this.#head.durable < this.position
    if (this.#commits === 0 && !isPending && claimsEnded.digests.length === 0) return undefined
    const { events, bytes } = this.#head
    return {
      head: {
        position: this.position,
        time: this.time,
        eventTime: this.#eventTime,
        events: events + this.#events.length,
        bytes: bytes + this.#bytes,
        ...(sync ? { durable: this.position } : {}),
      },
      events: this.#events,
      streams: [...this.#changedStreams].map((name) => this.#streams.get(name) ?? never('a changed stream is known')),
      commands: this.#newCommands,
      agenda: [...this.#agenda.values()],
      leases: [...this.#newLeases.values()],
      pins: [...this.#pins.values()],
      blobs: [...this.#blobs.values()],
      claimsEnded,
      sync,
    }
  }

  /** As it will be when the write is committed. */
  headAfter(write: GroupWrite | undefined): HeadRow {
    return write === undefined ? this.#head : { ...this.#head, ...write.head }
  }

  #add({ position, stream, seq, event }: PlacedEvent, time: TimeMs, more: boolean): void {
    const body = eventBody({ position, stream, seq, time }, encodeEventTail(event), more)
    const text = `${body}}`
    const sum = hex8(bodySum(body))
    const { type, blobs = none } = event
    this.#events.push({ position, stream, seq, time, type, sum, text, blobs })
    const known = this.#streams.get(stream)
    const earliest = known?.earliest ?? 1
    this.#changeStream({ stream, seq, position, earliest, released: known?.released ?? 0 })
    this.position = position
    this.#eventTime = time
    this.#bytes += textBytes(text)
  }

  #changeStream(row: StreamRow): void {
    this.#streams.set(row.stream, row)
    this.#changedStreams.add(row.stream)
  }

  #apply(control: Control): void {
    switch (control.control) {
      case 'agenda': {
        const { id, due, data } = control
        const text = data === undefined ? undefined : JSON.stringify(data)
        this.#agenda.set(id, due === null ? { id, due } : { id, due, data: text })
        return
      }
      case 'lease': {
        const { lease, owner, token, until, held, gone } = control
        const row = { lease, owner, token, until, held }
        if (gone === true) this.#leases.delete(lease)
        else this.#leases.set(lease, row)
        this.#newLeases.set(lease, gone === true ? { lease, gone } : row)
        return
      }
      case 'command':
        this.#commands.set(control.id, control)
        this.#newCommands.push({ id: control.id, time: control.time, text: JSON.stringify(control) })
        return
      case 'pin': {
        const { pin, stream, from, until } = control
        this.#pins.set(pin, from === null ? { pin, from } : { pin, stream, from, until })
        return
      }
      case 'released': {
        const { stream, through } = control
        const known = this.#streams.get(stream) ?? { stream, seq: 0, position: 0, earliest: 1, released: 0 }
        this.#changeStream({ ...known, released: through })
        return
      }
      case 'blob':
        this.#applyBlob(control.digest)
        return
      default:
        never(`a batch has no ${control.control} record`)
    }
  }

  #applyBlob(digest: string): void {
    this.#named.add(digest)
    const blob = this.#staged.staged(digest)
    if (blob?.data !== undefined) this.#blobs.set(digest, { digest, bytes: blob.bytes, data: blob.data })
  }
}

const none: readonly never[] = Object.freeze([])
