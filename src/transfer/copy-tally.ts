// What a journal holds, as figures and digests by kind: two journals with the same tally have the same events, in order,
// text and checksum for text and checksum, and the same state. It is taken from what dump() gives, which is the same for
// the same content in every store. The content of blobs is not in it: their digests are, and each store checks the
// content against them as it takes and gives it.

import { createHash, type Hash } from 'node:crypto'
import type { ExportedKind } from '../core/control-text.ts'
import type { Position } from '../core/numbers.ts'
import type { ImportRecord } from '../stores/store.ts'

export type TallyKind = 'event' | ExportedKind

export interface TallyRow {
  readonly kind: TallyKind
  readonly count: number
  /** SHA-256 over all of this kind, in order. */
  readonly sha256: string
}

export interface Tally {
  /** Of the events. */
  readonly first: Position
  readonly last: Position
  /** Bytes of the events' texts. */
  readonly bytes: number
  /** Kinds that occur, by name. */
  readonly rows: readonly TallyRow[]
}

interface Digest {
  readonly hash: Hash
  count: number
}

const eventStart = '{"position":'
const controlStart = '{"control":"'

export class TallyCount {
  readonly #digests: Map<TallyKind, Digest> = new Map()
  #first: Position = 0
  #last: Position = 0
  /** The newest position that it knows of, be it one that was removed. */
  #through: Position = 0
  bytes = 0

  get through(): Position {
    return this.#through
  }

  count(kind: TallyKind): number {
    return this.#digests.get(kind)?.count ?? 0
  }

  add({ event, control }: ImportRecord): void {
    if (event !== undefined) {
      const position = eventPosition(event.text)
      if (this.#first === 0) this.#first = position
      this.#last = position
      this.#through = Math.max(this.#through, position)
      this.bytes += event.text.length
      this.#add('event', `${event.text}${event.sum}\n`)
    } else if (control !== undefined) {
      const kind = controlKind(control)
      if (kind === 'removed') this.#through = Math.max(this.#through, removedRange(control).to)
      this.#add(kind, kind === 'blob' ? blobText(control) : `${control}\n`)
    }
  }

  #add(kind: TallyKind, text: string): void {
    let digest = this.#digests.get(kind)
    if (digest === undefined) {
      digest = { hash: createHash('sha256'), count: 0 }
      this.#digests.set(kind, digest)
    }
    digest.hash.update(text)
    digest.count++
  }

  end(): Tally {
    const rows = [...this.#digests].map(([kind, { hash, count }]) => ({ kind, count, sha256: hash.digest('hex') }))
    const sorted = rows.sort((a, b) => (a.kind < b.kind ? -1 : 1))
    return { first: this.#first, last: this.#last, bytes: this.bytes, rows: sorted }
  }
}

/** The kinds in which two tallies differ. */
export function differences(one: Tally, other: Tally): readonly TallyKind[] {
  const kinds = new Set([...one.rows, ...other.rows].map(({ kind }) => kind))
  const rowOf = ({ rows }: Tally, kind: TallyKind): TallyRow | undefined => rows.find((row) => row.kind === kind)
  return [...kinds].filter((kind) => rowOf(one, kind)?.sha256 !== rowOf(other, kind)?.sha256)
}

/** An event's text begins with it, in every store. */
export function eventPosition(text: string): Position {
  return Number.parseInt(text.slice(eventStart.length, eventStart.length + 16), 10)
}

/** A control's text begins with its kind. */
export function controlKind(control: string): ExportedKind {
  return control.slice(controlStart.length, control.indexOf('"', controlStart.length)) as ExportedKind
}

export function removedRange(control: string): { readonly from: Position; readonly to: Position } {
  return JSON.parse(control) as { readonly from: Position; readonly to: Position }
}

function blobText(control: string): string {
  const { digest, bytes } = JSON.parse(control) as { readonly digest: string; readonly bytes: number }
  return `${digest} ${bytes}\n`
}
