// Everything that writers were told, and whether a journal holds it: exactly there, unchanged, whole, once, and nothing else.

import { BlobRef } from '../../core/blob-ref.ts'
import type { JournalEvent } from '../../journal/event.ts'
import type { Journal } from '../../journal.ts'
import { dataOf, type Origin, plannedAppend } from './workload.ts'

type Place = readonly [seq: number, position: number]

export class Ledger {
  readonly #seed: number
  /** Of the writer that was last. */
  #acknowledged: Map<number, readonly Place[]> = new Map()
  #writer = 0
  /** Up to here the truth is known. */
  #position = 0
  #seqs: Map<string, number> = new Map()

  constructor(seed: number) {
    this.#seed = seed
  }

  /** Another writer goes on; what the one before had in flight is settled by now. */
  begin(writer: number): void {
    this.#writer = writer
    this.#acknowledged = new Map()
  }

  acknowledge(n: number, places: readonly Place[]): void {
    this.#acknowledged.set(n, places)
  }

  get acknowledgements(): number {
    return this.#acknowledged.size
  }

  get position(): number {
    return this.#position
  }

  /** Newest position that was acknowledged or is known to be there. */
  get required(): number {
    let newest = this.#position
    for (const places of this.#acknowledged.values())
      newest = Math.max(newest, ...places.map(([, position]) => position))
    return newest
  }

  /** Checks what came since the last time, and with `settle` takes it for the truth. What is wrong, or undefined. */
  async check(journal: Journal, { settle }: { readonly settle: boolean }): Promise<string | undefined> {
    const reader = new Reader(this.#seed, { position: this.#position, seqs: new Map(this.#seqs), only: this.#writer })
    const wrong = await reader.read(journal)
    if (wrong !== undefined) return wrong
    for (const [n, places] of this.#acknowledged) {
      const found = reader.places.get(n)
      if (found === undefined) return `append ${n} of writer ${this.#writer} was acknowledged and is lost`
      const isSame =
        places.length === found.length && places.every(([, position], part) => found[part]?.[1] === position)
      if (!isSame) return `append ${n} of writer ${this.#writer} is not where it was acknowledged`
    }
    if (settle) {
      this.#position = reader.position
      this.#seqs = reader.seqs
    }
    return undefined
  }

  /** Checks all of a journal of which the truth is known up to its end. Throws what reading throws. */
  async checkWhole(journal: Journal): Promise<string | undefined> {
    const reader = new Reader(this.#seed, { position: 0, seqs: new Map(), only: undefined })
    const wrong = await reader.read(journal)
    if (wrong !== undefined) return wrong
    if (reader.position === this.#position) return undefined
    return `the journal ends at position ${reader.position} instead of ${this.#position}, and nothing says so`
  }
}

/** Reads events in order and compares each with what its writer must have appended. */
class Reader {
  readonly #seed: number
  readonly #only: number | undefined
  readonly seqs: Map<string, number>
  position: number
  /** Of the one writer, if it is only one. */
  readonly places: Map<number, Place[]> = new Map()
  readonly #seen: Set<string> = new Set()
  #open: Origin | undefined

  constructor(
    seed: number,
    from: { readonly position: number; readonly seqs: Map<string, number>; readonly only: number | undefined },
  ) {
    this.#seed = seed
    this.position = from.position
    this.seqs = from.seqs
    this.#only = from.only
  }

  async read(journal: Journal): Promise<string | undefined> {
    for await (const event of journal.read(undefined, { from: this.position + 1 })) {
      const wrong = await this.#wrong(journal, event)
      if (wrong !== undefined) return `position ${event.position}, ${event.stream}@${event.seq}: ${wrong}`
    }
    return this.#open === undefined ? undefined : 'the last batch is there in part only'
  }

  async #wrong(journal: Journal, event: JournalEvent): Promise<string | undefined> {
    const { position, stream, seq } = event
    if (position !== this.position + 1) return `position ${this.position + 1} is missing`
    if (seq !== (this.seqs.get(stream) ?? 0) + 1) return 'its seq does not follow the one before'
    const origin = originOf(event.data)
    if (origin === undefined) return 'nobody wrote this'
    if (this.#only !== undefined && origin.writer !== this.#only) return `writer ${origin.writer} had ended before`
    const planned = plannedAppend(this.#seed, origin)
    const { blob, ...data } = event.data as { readonly blob?: unknown }
    if (planned.streams[origin.part] !== stream || event.type !== 'tortured') return 'it was written elsewhere'
    if (!isSame(data, dataOf(this.#seed, origin))) return 'it is not what was written'
    const wrongBlob = await this.#wrongBlob(journal, blob, origin.part === 0 ? planned.blob : undefined)
    return wrongBlob ?? this.#joined(origin, planned.streams.length) ?? this.#take(event, origin)
  }

  /** Parts of a batch follow one another, and come once. */
  #joined(origin: Origin, parts: number): string | undefined {
    const { writer, n, part } = origin
    const before = this.#open
    const isNext =
      before === undefined ? part === 0 : writer === before.writer && n === before.n && part === before.part + 1
    if (!isNext) return 'a batch is there in part only'
    const key = `${writer}/${n}`
    if (part === 0 && this.#seen.has(key)) return 'it is there twice'
    this.#seen.add(key)
    this.#open = part + 1 < parts ? origin : undefined
    return undefined
  }

  async #wrongBlob(journal: Journal, blob: unknown, expected: Buffer | undefined): Promise<string | undefined> {
    if (expected === undefined) return blob === undefined ? undefined : 'it names a blob that nobody put'
    if (!(blob instanceof BlobRef)) return 'it does not name its blob'
    return expected.equals(await journal.blobs.get(blob)) ? undefined : 'its blob is not what was put'
  }

  #take({ position, stream, seq }: JournalEvent, { n }: Origin): undefined {
    this.position = position
    this.seqs.set(stream, seq)
    if (this.#only === undefined) return
    const places = this.places.get(n) ?? []
    places.push([seq, position])
    this.places.set(n, places)
  }
}

function originOf(data: unknown): Origin | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { writer, n, part } = data as Partial<Record<keyof Origin, unknown>>
  const isWhole = [writer, n, part].every((number) => Number.isSafeInteger(number))
  return isWhole ? { writer: Number(writer), n: Number(n), part: Number(part) } : undefined
}

function isSame(found: object, expected: object): boolean {
  return JSON.stringify(found) === JSON.stringify(expected)
}
