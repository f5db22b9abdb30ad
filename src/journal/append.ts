// Appending: from what the user gives to the batch that a store takes.
//
// It is the hot path. With hundreds of callers at once the processor is the limit, not the disk, so nothing here is
// async unless a schema is: arguments are checked, payloads encoded, and the store's own promise is handed out.
// Invariant: what leaves here is within every limit, and encoded, so nobody can change it afterwards.

import { digestBatch } from '../core/digest.ts'
import { checkName, checkStreamName } from '../core/names.ts'
import type { PayloadCodec } from '../core/payload.ts'
import type { EventRegistry } from '../core/schema.ts'
import type { Batch, EncodedEvent } from '../stores/store.ts'
import {
  type AppendOptions,
  addExtras,
  type BatchInMaking,
  checkDurability,
  type Durability,
} from './append-options.ts'
import { checkObject, invalidArgument, throwIfAborted } from './argument.ts'
import { checkBatchBytes, checkCount, checkPayloadBytes } from './batch-size.ts'
import type { UntypedInput } from './event.ts'

/** An event as it is about to be stored. */
export interface EventDraft {
  readonly stream: string
  readonly type: string
  readonly data: unknown
  readonly meta: unknown
}

/** Sees every event before it is encoded and returns what is to be stored in its place: the same event, or one with
 * other data or meta. Stream and type can't be changed. */
export type Redact = (event: EventDraft) => EventDraft

export interface AppenderOptions {
  readonly codec: PayloadCodec
  readonly registry: EventRegistry | undefined
  readonly redact: Redact | undefined
  readonly durability: Durability
}

const undefinedText = '{"$undefined":true}'

export class Appender {
  readonly #codec: PayloadCodec
  readonly #registry: EventRegistry | undefined
  readonly #redact: Redact | undefined
  readonly #durability: Durability

  constructor(options: AppenderOptions) {
    this.#codec = options.codec
    this.#registry = options.registry
    this.#redact = options.redact
    this.#durability = options.durability
  }

  /** From the arguments of `append`: a stream and its events, or events that name their streams. A promise only when a
   * schema gives one. */
  batch(
    first: string | readonly (UntypedInput & { readonly stream: string })[],
    second: UntypedInput | readonly UntypedInput[] | AppendOptions | undefined,
    third: AppendOptions | undefined,
  ): Batch | Promise<Batch> {
    return typeof first === 'string'
      ? this.#toStream(first, second as UntypedInput | readonly UntypedInput[], third)
      : this.#across(first, second as AppendOptions | undefined)
  }

  /** The text of what an event would hold, checked and redacted as one. */
  payload(stream: string, { type, data }: UntypedInput): string {
    checkStreamName(stream)
    checkName(type, 'event type')
    return this.#encodeChecked(stream, { type }, data).data
  }

  #toStream(
    stream: string,
    input: UntypedInput | readonly UntypedInput[],
    options: AppendOptions | undefined,
  ): Batch | Promise<Batch> {
    checkStreamName(stream)
    if (!Array.isArray(input)) {
      const event = this.#encode(stream, input as UntypedInput)
      if (!(event instanceof Promise)) return this.#batch([event], options, stream)
      return event.then((late) => this.#batch([late], options, stream))
    }
    checkCount(input, 'events')
    return this.#whenAll(
      (input as readonly UntypedInput[]).map((one) => this.#encode(stream, one)),
      options,
      stream,
    )
  }

  #across(
    inputs: readonly (UntypedInput & { readonly stream: string })[],
    options: AppendOptions | undefined,
  ): Batch | Promise<Batch> {
    if (!Array.isArray(inputs))
      throw invalidArgument('the first argument of append', 'a stream name or an array of events')
    checkCount(inputs, 'events')
    const events = inputs.map((input) => {
      checkObject(input, 'an event')
      checkStreamName(input.stream)
      return this.#encode(input.stream, input)
    })
    return this.#whenAll(events, options, undefined)
  }

  #whenAll(
    events: readonly (EncodedEvent | Promise<EncodedEvent>)[],
    options: AppendOptions | undefined,
    stream: string | undefined,
  ): Batch | Promise<Batch> {
    if (events.some((event) => event instanceof Promise)) {
      return Promise.all(events).then((late) => this.#batch(late, options, stream))
    }
    return this.#batch(events as readonly EncodedEvent[], options, stream)
  }

  #batch(events: readonly EncodedEvent[], options: AppendOptions | undefined, stream: string | undefined): Batch {
    if (options === undefined) {
      if (events.length > 1) checkBatchBytes({ events })
      return { events, durability: this.#durability }
    }
    checkObject(options, 'the options of append')
    throwIfAborted(options.signal, 'the append')
    const { commandId, durability = this.#durability } = options
    checkDurability(durability)
    const batch: BatchInMaking = { events, durability }
    addExtras(batch, options, { stream, codec: this.#codec })
    checkBatchBytes(batch)
    if (commandId === undefined) return batch
    checkName(commandId, 'command id')
    return { ...batch, command: { id: commandId, digest: digestBatch(batch) } }
  }

  #encode(stream: string, input: UntypedInput): EncodedEvent | Promise<EncodedEvent> {
    checkObject(input, 'an event')
    const { type, data } = input
    checkName(type, 'event type')
    if (this.#registry === undefined) return this.#encodeChecked(stream, input, data)
    const checked = this.#registry.check(type, data)
    return checked instanceof Promise
      ? checked.then((late: unknown) => this.#encodeChecked(stream, input, late))
      : this.#encodeChecked(stream, input, checked)
  }

  #encodeChecked(stream: string, input: UntypedInput, checked: unknown): EncodedEvent {
    const { type } = input
    let data = checked
    let { meta } = input
    if (this.#redact !== undefined) {
      const redacted = this.#redact({ stream, type, data, meta })
      checkObject(redacted, 'what redact returns')
      ;({ data, meta } = redacted)
    }
    const version = this.#registry === undefined ? 1 : this.#registry.versionOf(type)
    if (data === undefined && meta === undefined) return { stream, type, version, data: undefinedText }
    const encoded = this.#codec.encode(data, 'data')
    if (meta === undefined) {
      checkPayloadBytes('event', type, encoded.text)
      return encoded.blobs.length === 0
        ? { stream, type, version, data: encoded.text }
        : { stream, type, version, data: encoded.text, blobs: encoded.blobs }
    }
    const extra = this.#codec.encode(meta, 'meta')
    checkPayloadBytes('event', type, encoded.text, extra.text)
    const event = { stream, type, version, data: encoded.text, meta: extra.text }
    const blobs = new Set([...encoded.blobs, ...extra.blobs])
    return blobs.size === 0 ? event : { ...event, blobs: [...blobs] }
  }
}
