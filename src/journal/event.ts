// Events as users see them: what they append, and what reading gives back.
//
// Invariant: an event that is read owns its data. Nothing of it is shared with another reader or with the store.

import { encodeCursor } from '../core/cursor.ts'
import type { Position, Seq, TimeMs } from '../core/numbers.ts'
import type { PayloadCodec } from '../core/payload.ts'
import type { EventDefinition, EventDefinitions, EventRegistry, InputOf, OutputOf } from '../core/schema.ts'
import type { RawEvent } from '../stores/store.ts'

/** A journal whose event types have no definitions: any type, unknown data. */
export type NoDefinitions = Readonly<Record<never, EventDefinition>>

export class JournalEvent<Type extends string = string, Data = unknown> {
  /** Place in the journal. */
  readonly position: Position
  readonly stream: string
  /** Place in the stream. */
  readonly seq: Seq
  /** Milliseconds since 1970; never decreases within a journal. */
  readonly time: TimeMs
  readonly type: Type
  /** The version of the type's definition with which it was written. `data` is of the current version. */
  readonly version: number
  readonly data: Data
  declare readonly meta?: unknown
  readonly #sum: string
  readonly #epoch: string

  constructor(raw: RawEvent, decoded: { readonly data: unknown; readonly meta: unknown; readonly epoch: string }) {
    this.position = raw.position
    this.stream = raw.stream
    this.seq = raw.seq
    this.time = raw.time
    this.type = raw.type as Type
    this.version = raw.version
    this.data = decoded.data as Data
    if (decoded.meta !== undefined) this.meta = decoded.meta
    this.#sum = raw.sum
    this.#epoch = decoded.epoch
  }

  /** Where a reader stands that has this event behind it. Opaque: hand it back as it is. */
  get cursor(): string {
    return encodeCursor({ epoch: this.#epoch, position: this.position, sum: this.#sum })
  }

  /** The time as ISO 8601. */
  get at(): string {
    return new Date(this.time).toISOString()
  }
}

/** What reading gives: narrowing `type` narrows `data`, when the journal has definitions. */
export type EventOf<D extends EventDefinitions> = [keyof D] extends [never]
  ? JournalEvent
  : string extends keyof D
    ? JournalEvent
    : { readonly [Type in keyof D & string]: JournalEvent<Type, OutputOf<D, Type>> }[keyof D & string]

export interface UntypedInput {
  readonly type: string
  readonly data?: unknown
  readonly meta?: unknown
}

type TypedInput<Type, Data> = undefined extends Data
  ? { readonly type: Type; readonly data?: Data; readonly meta?: unknown }
  : { readonly type: Type; readonly data: Data; readonly meta?: unknown }

/** What `append` takes. */
export type EventInput<D extends EventDefinitions> = [keyof D] extends [never]
  ? UntypedInput
  : string extends keyof D
    ? UntypedInput
    : { readonly [Type in keyof D & string]: TypedInput<Type, InputOf<D, Type>> }[keyof D & string]

/** An event with its stream, for a batch over several streams. */
export type StreamEventInput<D extends EventDefinitions> = EventInput<D> & { readonly stream: string }

/** Turns what a store read into events. */
export class EventDecoder<D extends EventDefinitions> {
  readonly #codec: PayloadCodec
  readonly #registry: EventRegistry | undefined
  readonly #epoch: () => string

  constructor(codec: PayloadCodec, registry: EventRegistry | undefined, epoch: () => string) {
    this.#codec = codec
    this.#registry = registry
    this.#epoch = epoch
  }

  decode(raw: RawEvent): EventOf<D> {
    let { data, meta } = raw
    if (raw.tagged) {
      data = this.#codec.decode(data)
      if (meta !== undefined) meta = this.#codec.decode(meta)
    }
    if (this.#registry !== undefined) data = this.#registry.upcast(raw.type, raw.version, data)
    // The definitions promise what the types say: append checked it, and upcast brought it up to date.
    return new JournalEvent(raw, { data, meta, epoch: this.#epoch() }) as EventOf<D>
  }
}
