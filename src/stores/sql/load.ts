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
import type { StagedContent } from './judging.ts'
import { LoadPiece } from './load-piece.ts'
import { nextTurn } from './next-turn.ts'
import type { ChunkRow, RemovedRow, SpanRow, StreamRow } from './rows.ts'

export async function loadRows(upkeep: SqlUpkeep, records: ImportSource, staged: StagedContent): Promise<void> {
  await mustBeEmpty(upkeep)
  const loading = new Loading(upkeep, staged)
  for await (const record of recordsOf(records)) await loading.take(record)
  await loading.end()
}

export async function mustBeEmpty(reader: SqlReader): Promise<void> {
  const head = await reader.head()
  const { commands, agenda, leases, pins } = await reader.figures(0)
  const released = await reader.released({ after: undefined, rowsMax: 1 })
  if (head.position + head.forgetBefore + commands + agenda + leases + pins + released.length === 0) return
  throw new HoldfastError('TARGET_NOT_EMPTY', 'the journal already has content', { hint: 'Import into a new journal.' })
}

interface LoadedStream extends StreamRow {
  readonly hasEvents: boolean
}

class Loading {
  readonly #upkeep: SqlUpkeep
  readonly #staged: StagedContent
  readonly #streams: Map<string, LoadedStream> = new Map()
  readonly #blobs: Set<string> = new Set()
  readonly #removed: RemovedBlock[] = []
  #arriving: { readonly control: BlobControl; readonly intake: BlobIntake } | undefined
  #piece: LoadPiece = new LoadPiece()
  #index = 0
  #position = 0
  #earliest = 0
  #eventTime = 0
  #time = 0
  #forgetBefore = 0
  #events = 0
  #bytes = 0

  constructor(upkeep: SqlUpkeep, staged: StagedContent) {
    this.#upkeep = upkeep
    this.#staged = staged
  }

  async take(record: ImportRecord): Promise<void> {
    const index = this.#index
    if (this.#arriving !== undefined) await this.#takePart(this.#arriving, record)
    else if (record.event !== undefined) this.#event(record.event)
    else if (record.control !== undefined) await this.#control(importedControl(record.control, index))
    else throw importRefused(index, 'it is neither an event nor a control record')
    this.#index++
    if (!this.#piece.isFull) return
    await this.#flush()
    await nextTurn()
  }

  async end(): Promise<void> {
    if (this.#arriving !== undefined) throw importRefused(this.#index, 'the content of a blob is missing')
    // A removed range may reach beyond events that follow its record.
    const newest = this.#position
    for (const { to } of this.#removed) this.#position = Math.max(this.#position, to)
    await this.#flush()
    await this.#recordRemoved()
    await this.#upkeep.forgetCommands(this.#forgetBefore, Number.MAX_SAFE_INTEGER)
    const position = this.#position
    await this.#upkeep.setHead({
      position,
      durable: position,
      time: this.#time,
      // The newest event is gone, and its time with it: it was at most the journal's.
      eventTime: position > newest ? this.#time : this.#eventTime,
      earliest: this.#earliest === 0 ? position + 1 : this.#earliest,
      events: this.#events,
      bytes: this.#bytes,
      forgetBefore: this.#forgetBefore,
    })
  }

  async #flush(): Promise<void> {
    const piece = this.#piece
    this.#piece = new LoadPiece()
    const row = (name: string): StreamRow => this.#streams.get(name) ?? never('a loaded stream is known')
    if (!piece.isEmpty) await this.#upkeep.load(piece.write(row))
  }

  #event(record: { readonly text: string; readonly sum: string }): void {
    const event = importedEvent(record, this.#index)
    const { stream, seq, position, time } = event
    const known = this.#stream(stream)
    mustFollow(event, { position: this.#position, eventTime: this.#eventTime, seq: known.seq }, this.#index)
    for (const digest of event.blobs) this.#mustHave(digest)
    const earliest = known.hasEvents ? known.earliest : seq
    this.#streams.set(stream, { ...known, seq, position, earliest, hasEvents: true })
    this.#piece.addEvent(event)
    this.#position = position
    if (this.#earliest === 0) this.#earliest = position
    this.#eventTime = time
    this.#time = Math.max(this.#time, time)
    this.#events++
    this.#bytes += textBytes(event.text)
  }

  #stream(name: string): LoadedStream {
    return this.#streams.get(name) ?? { stream: name, seq: 0, position: 0, earliest: 1, released: 0, hasEvents: false }
  }

  #mustHave(digest: string): void {
    if (this.#blobs.has(digest)) return
    const staged = this.#staged.staged(digest)
    if (staged === undefined) throw importRefused(this.#index, `the blob ${digest} that it names is missing`)
    if (staged.data !== undefined) this.#piece.addBlob(digest, staged.data)
    this.#blobs.add(digest)
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
      if (known.hasEvents || first !== known.seq + 1 || !(last >= first)) {
        throw importRefused(this.#index, `removed seqs of stream ${JSON.stringify(name)} do not stand at its front`)
      }
      this.#streams.set(name, { ...known, seq: last, position: to, earliest: last + 1 })
      this.#piece.touch(name)
    }
    const spans = streams.map(([name, first, last]) => [name, { from, to, first, last }] as const)
    this.#removed.push({ from, to, streams: new Map(spans) })
  }

  async #blob(control: BlobControl): Promise<void> {
    const { digest, data, chunks } = control
    if (data !== undefined) await this.#content(digest, Buffer.from(data, 'base64'))
    else if (chunks === undefined && this.#staged.staged(digest) === undefined && !this.#blobs.has(digest)) {
      this.#arriving = { control, intake: new BlobIntake(control) }
    }
  }

  async #takePart(arriving: { control: BlobControl; intake: BlobIntake }, record: ImportRecord): Promise<void> {
    const content = arriving.intake.take(record, this.#index)
    if (content === undefined) return
    this.#arriving = undefined
    await this.#content(arriving.control.digest, content)
  }

  async #content(digest: string, content: Buffer): Promise<void> {
    if (this.#blobs.has(digest)) return
    this.#blobs.add(digest)
    if (content.length <= limits.blobInlineBytesMax) this.#piece.addBlob(digest, content)
    else await this.#upkeep.loadBlob(digest, content.length, [...chunksOf(content)])
  }

  async #recordRemoved(): Promise<void> {
    const blocks: RemovedRow[] = []
    const spans: SpanRow[] = []
    for (const { from, to, streams } of joinBlocks(this.#removed)) {
      for (const part of await withoutRetained(this.#upkeep, { from, to })) {
        blocks.push(part)
        for (const [stream, span] of streams) spans.push({ part: part.from, stream, ...span })
      }
    }
    if (blocks.length === 0) return
    await this.#upkeep.remove({ head: {}, positions: [], streams: [], blocksGone: [], spansGone: [], blocks, spans })
  }
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
