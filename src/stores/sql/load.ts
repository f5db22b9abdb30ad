// Import: exported records become the rows of an empty journal, in one transaction: all of them or none. Nobody else
// writes meanwhile, and nobody sees any of it before the end.
//
// Positions, seqs, times, texts and sums are adopted as they are. Positions rise; a stream begins after seq 1 only where a
// `removed` record says what stood before. Rows are written as they come; in memory stand the heads of streams, the
// removed ranges, and one blob at a time.

import { contentDigest } from '../../core/content-digest.ts'
import type { BlobControl, Control } from '../../core/control.ts'
import { textBytes } from '../../core/event-bytes.ts'
import { joinBlocks, type RemovedBlock } from '../../core/removed-blocks.ts'
import { Chunker } from '../../engine/chunker.ts'
import { HoldfastError, never } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { BlobIntake } from '../import-blob.ts'
import {
  type ImportSource,
  importedControl,
  importedEvent,
  importRefused,
  mustFollow,
  recordsOf,
} from '../import-record.ts'
import type { ImportRecord } from '../store.ts'
import type { SqlReader, SqlUpkeep } from './backend.ts'
import { removedBlocks, rowsOf } from './dump.ts'
import type { StagedContent } from './judging.ts'
import { LoadPiece } from './load-piece.ts'
import { nextTurn } from './next-turn.ts'
import type { ChunkRow, HeadRow, RemovedRow, SpanRow, StreamRow } from './rows.ts'

const everywhere: RemovedRow = { from: 1, to: Number.MAX_SAFE_INTEGER }
/** Ends the text of an event that more of its batch follow. */
const moreEnd = ',"more":true}'

export async function loadRows(upkeep: SqlUpkeep, records: ImportSource, staged: StagedContent): Promise<void> {
  await mustBeEmpty(upkeep)
  const loading = new Loading({ upkeep: async () => upkeep, staged, hasBlob: async () => false })
  for await (const record of recordsOf(records)) {
    await loading.take(record)
    if (!loading.isFull) continue
    await loading.write()
    await nextTurn()
  }
  const head = await loading.end()
  await upkeep.setHead({ ...head, durable: head.position })
}

export async function mustBeEmpty(reader: SqlReader): Promise<void> {
  const head = await reader.head()
  const { commands, agenda, pins } = await reader.figures(0)
  // The floor too: it is all that keeps the tokens of released leases from coming again.
  const leases = (await reader.leases({ after: undefined, rowsMax: 1 })).length
  const released = await reader.released({ after: undefined, rowsMax: 1 })
  if (head.position + head.forgetBefore + commands + agenda + leases + pins + released.length === 0) return
  throw new HoldfastError('TARGET_NOT_EMPTY', 'the journal already has content', { hint: 'Import into a new journal.' })
}

interface LoadParts {
  /** The transaction to write in. */
  upkeep(): Promise<SqlUpkeep>
  /** What the importing process has staged. */
  readonly staged: StagedContent
  /** Content that is there from before. */
  hasBlob(digest: string): Promise<boolean>
}

type LoadedHead = Required<Pick<HeadRow, 'position' | 'time' | 'eventTime' | 'earliest' | 'events' | 'bytes'>>

export class Loading {
  readonly #parts: LoadParts
  readonly #streams: Map<string, StreamRow> = new Map()
  readonly #blobs: Set<string> = new Set()
  /** Joined, in order of position. */
  readonly #removed: RemovedBlock[] = []
  /** From this index on they are not written as they are now. */
  #removedNew = 0
  #arriving: { readonly control: BlobControl; readonly intake: BlobIntake } | undefined
  #piece: LoadPiece = new LoadPiece()
  #index = 0
  /** No batch and no blob is begun and not ended, and no removed range waits for the event behind it. */
  #isWhole = true
  #position = 0
  #earliest = 0
  #eventTime = 0
  #time = 0
  #forgetBefore = 0
  #events = 0
  #bytes = 0

  constructor(parts: LoadParts) {
    this.#parts = parts
  }

  /** Behind what earlier pieces wrote (a part of a history, and nothing of the state). */
  static async behind(reader: SqlReader, parts: LoadParts): Promise<Loading> {
    const loading = new Loading(parts)
    const { position, eventTime, earliest, events, bytes } = await reader.head()
    loading.#position = position
    loading.#eventTime = eventTime
    loading.#time = eventTime
    loading.#earliest = events === 0 ? 0 : earliest
    loading.#events = events
    loading.#bytes = bytes
    const streams = rowsOf(
      (query) => reader.streams({ ...query, prefix: '' }),
      (row) => row.stream,
    )
    for await (const row of streams) loading.#streams.set(row.stream, row)
    const removed: RemovedBlock[] = []
    for await (const block of removedBlocks(reader, everywhere)) removed.push(block)
    loading.#removed.push(...joinBlocks(removed))
    loading.#removedNew = loading.#removed.length
    return loading
  }

  get isFull(): boolean {
    return this.#piece.isFull
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /** As far as events were taken. */
  get head(): LoadedHead {
    return {
      position: this.#position,
      time: this.#time,
      eventTime: this.#eventTime,
      earliest: this.#earliest === 0 ? this.#position + 1 : this.#earliest,
      events: this.#events,
      bytes: this.#bytes,
    }
  }

  async take(record: ImportRecord): Promise<void> {
    const index = this.#index
    if (this.#arriving !== undefined) await this.#takePart(this.#arriving, record)
    else if (record.event !== undefined) await this.#event(record.event)
    else if (record.control !== undefined) await this.#control(importedControl(record.control, index))
    else throw importRefused(index, 'it is neither an event nor a control record')
    this.#index++
  }

  /** All that is left to write; returns what the head must become. */
  async end(): Promise<LoadedHead & Pick<HeadRow, 'forgetBefore'>> {
    if (this.#arriving !== undefined) throw importRefused(this.#index, 'the content of a blob is missing')
    // A removed range may reach beyond events that follow its record.
    const newest = this.#position
    for (const { to } of this.#removed) this.#position = Math.max(this.#position, to)
    await this.write()
    await this.#recordRemoved()
    await (await this.#parts.upkeep()).forgetCommands(this.#forgetBefore, Number.MAX_SAFE_INTEGER)
    // When the newest event is gone, so is its time: it was at most the journal's.
    const eventTime = this.#position > newest ? this.#time : this.#eventTime
    return { ...this.head, eventTime, forgetBefore: this.#forgetBefore }
  }

  /** What was taken since the last time. */
  async write(): Promise<void> {
    const piece = this.#piece
    this.#piece = new LoadPiece()
    const row = (name: string): StreamRow => this.#streams.get(name) ?? never('a loaded stream is known')
    if (!piece.isEmpty) await (await this.#parts.upkeep()).load(piece.write(row))
  }

  /** Removed ranges as they were told so far, for Loading.behind(). In their place come those of end(), which knows all
   * events. */
  async writeRemoved(): Promise<void> {
    const blocks = this.#removed.slice(this.#removedNew)
    const [first] = blocks
    this.#removedNew = this.#removed.length
    if (first === undefined) return
    const rows = blocks.map((block) => removedRows(block, [block]))
    await this.#replaceRemoved({ ...everywhere, from: first.from }, rows)
  }

  async #event(record: { readonly text: string; readonly sum: string }): Promise<void> {
    const event = importedEvent(record, this.#index)
    const { stream, seq, position, time } = event
    const known = this.#stream(stream)
    mustFollow(event, { position: this.#position, eventTime: this.#eventTime, seq: known.seq }, this.#index)
    for (const digest of event.blobs) await this.#mustHave(digest)
    const earliest = hasEvents(known) ? known.earliest : seq
    this.#streams.set(stream, { ...known, seq, position, earliest })
    this.#piece.addEvent(event)
    this.#isWhole = !event.text.endsWith(moreEnd)
    this.#position = position
    if (this.#earliest === 0) this.#earliest = position
    this.#eventTime = time
    this.#time = Math.max(this.#time, time)
    this.#events++
    this.#bytes += textBytes(event.text)
  }

  #stream(name: string): StreamRow {
    return this.#streams.get(name) ?? { stream: name, seq: 0, position: 0, earliest: 1, released: 0 }
  }

  async #mustHave(digest: string): Promise<void> {
    if (await this.#has(digest)) return
    const staged = this.#parts.staged.staged(digest)
    if (staged === undefined) throw importRefused(this.#index, `the blob ${digest} that it names is missing`)
    if (staged.data !== undefined) this.#piece.addBlob(digest, staged.data)
    this.#blobs.add(digest)
  }

  async #has(digest: string): Promise<boolean> {
    if (this.#blobs.has(digest)) return true
    if (!(await this.#parts.hasBlob(digest))) return false
    this.#blobs.add(digest)
    return true
  }

  async #control(control: Control): Promise<void> {
    if ('time' in control) this.#time = Math.max(this.#time, control.time)
    switch (control.control) {
      case 'removed':
        this.#removedRange(control)
        return
      case 'blob':
        await this.#blob(control)
        return
      case 'released': {
        const { stream, through } = control
        this.#streams.set(stream, { ...this.#stream(stream), released: through })
        this.#piece.touch(stream)
        return
      }
      case 'forget':
        this.#forgetBefore = Math.max(this.#forgetBefore, control.before)
        return
      default:
        this.#piece.addState(control)
    }
  }

  #removedRange({ from, to, streams }: Extract<Control, { readonly control: 'removed' }>): void {
    for (const [name, first, last] of streams) {
      const known = this.#stream(name)
      if (hasEvents(known) || first !== known.seq + 1 || !(last >= first)) {
        throw importRefused(this.#index, `removed seqs of stream ${JSON.stringify(name)} do not stand at its front`)
      }
      this.#streams.set(name, { ...known, seq: last, position: to, earliest: last + 1 })
      this.#piece.touch(name)
    }
    this.#isWhole = false
    const spans = streams.map(([name, first, last]) => [name, { from, to, first, last }] as const)
    const block = { from, to, streams: new Map(spans) }
    const last = this.#removed.at(-1)
    if (last === undefined || from > last.to + 1) this.#removed.push(block)
    else {
      // They come in order: the last one alone can touch it.
      const first = from >= last.from ? this.#removed.length - 1 : 0
      this.#removed.push(...joinBlocks([...this.#removed.splice(first), block]))
      this.#removedNew = Math.min(this.#removedNew, first)
    }
  }

  async #blob(control: BlobControl): Promise<void> {
    const { digest, data, chunks } = control
    if (data !== undefined) await this.#content(digest, Buffer.from(data, 'base64'))
    else if (chunks === undefined && this.#parts.staged.staged(digest) === undefined && !(await this.#has(digest))) {
      this.#isWhole = false
      this.#arriving = { control, intake: new BlobIntake(control) }
    }
  }

  async #takePart(arriving: { control: BlobControl; intake: BlobIntake }, record: ImportRecord): Promise<void> {
    const content = arriving.intake.take(record, this.#index)
    if (content === undefined) return
    this.#arriving = undefined
    this.#isWhole = true
    await this.#content(arriving.control.digest, content)
  }

  async #content(digest: string, content: Buffer): Promise<void> {
    if (await this.#has(digest)) return
    this.#blobs.add(digest)
    if (content.length <= limits.blobInlineBytesMax) this.#piece.addBlob(digest, content)
    else await (await this.#parts.upkeep()).loadBlob(digest, content.length, [...chunksOf(content)])
  }

  async #recordRemoved(): Promise<void> {
    const upkeep = await this.#parts.upkeep()
    const rows: RemovedRows[] = []
    for (const block of this.#removed) rows.push(removedRows(block, await withoutRetained(upkeep, block)))
    await this.#replaceRemoved(everywhere, rows)
  }

  async #replaceRemoved(range: RemovedRow, rows: readonly RemovedRows[]): Promise<void> {
    if (rows.length === 0) return
    const upkeep = await this.#parts.upkeep()
    const gone: RemovedRow[] = []
    for await (const { from, to } of removedBlocks(upkeep, range)) gone.push({ from, to })
    const [blocks, spans] = [rows.flatMap((one) => one.blocks), rows.flatMap((one) => one.spans)]
    const blocksGone = gone.map(({ from }) => from)
    await upkeep.remove({ head: {}, positions: [], streams: [], blocksGone, spansGone: gone, blocks, spans })
  }
}

interface RemovedRows {
  readonly blocks: readonly RemovedRow[]
  readonly spans: readonly SpanRow[]
}

/** `parts` of the block, each with all that is known of its streams. */
function removedRows({ streams }: RemovedBlock, parts: readonly RemovedRow[]): RemovedRows {
  const spans = parts.flatMap((part) => [...streams].map(([stream, span]) => ({ part: part.from, stream, ...span })))
  return { blocks: parts.map(({ from, to }) => ({ from, to })), spans }
}

function hasEvents({ earliest, seq }: StreamRow): boolean {
  return earliest <= seq
}

/** A removed record spans from its first to its last position; events of other streams may stand in between. */
async function withoutRetained(reader: SqlReader, block: RemovedRow): Promise<readonly RemovedRow[]> {
  const parts: RemovedRow[] = []
  let start = block.from
  for (;;) {
    const rowsMax = limits.pageEventsMax
    const rows = await reader.sizes({ select: { kind: 'all' }, from: start, to: block.to, rowsMax })
    for (const { position } of rows) {
      if (position > start) parts.push({ from: start, to: position - 1 })
      start = position + 1
    }
    if (rows.length < rowsMax) break
  }
  if (start <= block.to) parts.push({ from: start, to: block.to })
  return parts
}

function* chunksOf(content: Buffer): Generator<ChunkRow, void, undefined> {
  const chunker = new Chunker()
  for (const data of chunker.push(content)) yield { digest: contentDigest(data), data }
  const last = chunker.end()
  if (last !== undefined) yield { digest: contentDigest(last), data: last }
}
