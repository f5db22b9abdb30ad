// Export: the log's content as records, as durable when the dump begins. The state is fixed in one step, at one point in
// the order of appends, by starting a scan of each of its parts there: a scan sees the state of its beginning. Events are
// read up to the position of that point. The caller keeps retention away meanwhile.

import type { AgendaControl, CommandControl, Control, LeaseControl, PinControl } from '../core/control.ts'
import { controlText } from '../core/control-text.ts'
import { eventStart } from '../core/event-line.ts'
import type { Position, Seq, TimeMs } from '../core/numbers.ts'
import { hex8, lineKind, parseControlLine, tailBytes } from '../core/record.ts'
import { RemovedRun } from '../core/removed-run.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { DumpOptions, ImportRecord } from '../stores/store.ts'
import type { Blobs } from './blobs.ts'
import { LineReader } from './line-reader.ts'
import { type LogView, readableBytes } from './log-view.ts'
import { damaged, type Segment } from './segment.ts'
import type { BlobPlace, State } from './state.ts'
import { kindPrefix } from './state-keys.ts'

export interface DumpSource {
  readonly log: LogView & {
    /** Undefined where another process writes. */
    readonly writer: { control(make: (time: TimeMs) => readonly Control[]): Promise<void> } | undefined
  }
  readonly blobs: Blobs
}

interface Rows<T> extends AsyncIterable<readonly (readonly [key: string, value: T])[]> {
  /** Lets go of the tables, also when nothing was read yet. */
  end(): Promise<void>
}

interface Snapshot {
  readonly position: Position
  readonly time: TimeMs
  readonly forgetBefore: TimeMs
  readonly blobs: Rows<BlobPlace>
  readonly commands: Rows<CommandControl>
  readonly agenda: Rows<AgendaControl>
  readonly leases: Rows<LeaseControl>
  readonly pins: Rows<PinControl>
  readonly released: Rows<Seq>
}

export async function* dumpLog(
  source: DumpSource,
  { withoutContent = () => false }: DumpOptions = {},
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  const snapshot = await takeSnapshot(source)
  try {
    yield* blobPages({ ...source, withoutContent }, snapshot.blobs)
    yield* new HistoryDump(source.log, snapshot.position).pages()
    yield* statePages(snapshot)
  } finally {
    const { blobs, commands, agenda, leases, pins, released } = snapshot
    for (const rows of [blobs, commands, agenda, leases, pins, released]) await rows.end()
  }
}

async function takeSnapshot({ log }: DumpSource): Promise<Snapshot> {
  if (log.writer === undefined) return snapshotOf(log.state)
  let snapshot: Snapshot | undefined
  // In its turn among the appends, and durable with all before it; it writes nothing itself.
  await log.writer.control(() => {
    snapshot = snapshotOf(log.state)
    return []
  })
  assert(snapshot !== undefined, 'the snapshot was taken in its turn')
  return snapshot
}

function snapshotOf(state: State): Snapshot {
  const { position, time, forgetBefore } = state.scalars
  return {
    position,
    time,
    forgetBefore,
    blobs: started(state, kindPrefix.blob),
    commands: started(state, kindPrefix.command),
    agenda: started(state, kindPrefix.agenda),
    leases: started(state, kindPrefix.lease),
    pins: started(state, kindPrefix.pin),
    released: started(state, kindPrefix.released),
  }
}

/** A scan whose first step is taken now: what comes later it does not see. */
function started<T>(state: State, prefix: string): Rows<T> {
  const rows = state.scan<T>(prefix)[Symbol.asyncIterator]()
  const first = rows.next()
  first.catch(() => undefined) // told to whoever reads it
  return {
    async *[Symbol.asyncIterator]() {
      for (let step = await first; step.done !== true; step = await rows.next()) yield step.value
    },
    // Of the scan itself: a generator around it that was never asked would end without ending the scan.
    async end() {
      await rows.return?.()
    },
  }
}

// Blobs.

async function* blobPages(
  source: DumpSource & Required<DumpOptions>,
  rows: Rows<BlobPlace>,
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  for await (const page of rows) {
    let small: ImportRecord[] = []
    let bytes = 0
    for (const [key, place] of page) {
      const digest = key.slice(kindPrefix.blob.length)
      if (await source.withoutContent(digest)) {
        small.push(recordOf({ control: 'blob', digest, bytes: place.bytes }))
        continue
      }
      const pieces = source.blobs.read(digest, source.log)
      if (place.bytes > limits.blobInlineBytesMax) {
        yield [...small, recordOf({ control: 'blob', digest, bytes: place.bytes })]
        small = []
        bytes = 0
        for await (const chunk of evenly(pieces)) yield [{ chunk: chunk.toString('base64') }]
        continue
      }
      const content: Uint8Array[] = []
      for await (const piece of pieces) content.push(piece)
      const data = Buffer.concat(content).toString('base64')
      small.push(recordOf({ control: 'blob', digest, bytes: place.bytes, data }))
      bytes += data.length
      if (bytes < limits.pageBytes) continue
      yield small
      small = []
      bytes = 0
    }
    if (small.length > 0) yield small
  }
}

/** Cut into pieces of one length, whatever the chunks of the store are. */
async function* evenly(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    held.push(piece)
    bytes += piece.length
    while (bytes >= limits.chunkBytesMax) {
      const all = Buffer.concat(held)
      yield all.subarray(0, limits.chunkBytesMax)
      held = [all.subarray(limits.chunkBytesMax)]
      bytes -= limits.chunkBytesMax
    }
  }
  if (bytes > 0) yield Buffer.concat(held)
}

// Events, and what stands where some stood.

class HistoryDump {
  readonly #log: LogView
  readonly #to: Position
  readonly #run: RemovedRun = new RemovedRun()
  #page: ImportRecord[] = []

  constructor(log: LogView, to: Position) {
    this.#log = log
    this.#to = to
  }

  async *pages(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    const end = this.#log.durableEnd()
    for (const segment of this.#log.catalog.all) {
      if (segment.facts.number > end.segment || segment.facts.first > this.#to + 1) break
      segment.enter()
      try {
        yield* this.#segmentPages(segment, readableBytes(segment, end))
      } finally {
        await segment.leave()
      }
    }
    await this.#endRun()
    if (this.#page.length > 0) yield this.#takePage()
  }

  async *#segmentPages(segment: Segment, to: number): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    const header = await segment.header()
    const lines = new LineReader(await segment.file(), { from: header.bytes, to, chunkBytes: limits.pageBytes })
    let previous = header.sum
    while (await lines.load()) {
      while (lines.next()) {
        const { buffer, start, end, offset } = lines
        const line = lines.check()
        if (line === undefined) throw this.#damaged(segment, offset, 'line-checksum')
        if (line.link !== previous) throw this.#damaged(segment, offset, 'line-link')
        previous = line.sum
        if (lineKind(buffer, start) === 'event') await this.#takeEvent(buffer, { start, end, sum: line.sum })
        else this.#takeControl(buffer.toString('utf8', start, end))
        if (this.#run.isFull) await this.#endRun()
      }
      if (this.#page.length > 0) yield this.#takePage()
    }
    if (lines.consumed < to) throw this.#damaged(segment, lines.consumed, 'line-incomplete')
  }

  async #takeEvent(
    buffer: Buffer,
    line: { readonly start: number; readonly end: number; readonly sum: number },
  ): Promise<void> {
    const event = eventStart(buffer, line.start, line.end)
    if (event.position > this.#to) return
    if (!this.#log.state.isVisible(event)) {
      this.#run.addPositions(event.position, event.position, 1)
      this.#run.addSeqs(event.stream, event.seq, event.seq)
      return
    }
    if (!this.#run.isEmpty) await this.#endRun()
    const text = `${buffer.toString('utf8', line.start, line.end - tailBytes)}}`
    this.#page.push({ event: { text, sum: hex8(line.sum) } })
  }

  #takeControl(text: string): void {
    if (!text.startsWith('{"control":"removed"')) return
    const { control } = parseControlLine(text)
    assert(control.control === 'removed', 'the line begins like that')
    this.#run.addPositions(control.from, control.to, control.count)
    for (const [stream, from, to] of control.streams) this.#run.addSeqs(stream, from, to)
  }

  async #endRun(): Promise<void> {
    if (this.#run.isEmpty) return
    const heads = new Map<string, { seq: Seq; position: Position }>()
    for (const [stream, { to }] of this.#run.streams) {
      const head = await this.#log.state.loadHead(stream)
      if (head?.seq === to) heads.set(stream, head)
    }
    for (const record of this.#run.take(heads)) this.#page.push(recordOf(record))
  }

  #takePage(): readonly ImportRecord[] {
    const page = this.#page
    this.#page = []
    return page
  }

  #damaged(segment: Segment, offset: number, kind: string): Error {
    return damaged(this.#log.disk, segment.path, offset, kind, 'the line is not what was written there')
  }
}

// State.

async function* statePages(snapshot: Snapshot): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  const { time, forgetBefore } = snapshot
  for await (const page of snapshot.commands) {
    yield page.filter(([, command]) => command.time >= forgetBefore).map(([, command]) => recordOf(command))
  }
  if (forgetBefore > 0) yield [recordOf({ control: 'forget', before: forgetBefore })]
  for await (const page of snapshot.agenda) yield page.map(([, item]) => recordOf(item))
  for await (const page of snapshot.leases) yield page.map(([, lease]) => recordOf(lease))
  for await (const page of snapshot.pins) {
    yield page.filter(([, { until }]) => until === undefined || until > time).map(([, pin]) => recordOf(pin))
  }
  for await (const page of snapshot.released) {
    yield page.map(([key, through]) =>
      recordOf({ control: 'released', stream: key.slice(kindPrefix.released.length), through }),
    )
  }
  if (time > 0) yield [recordOf({ control: 'witness', time })]
}

function recordOf(control: Control): ImportRecord {
  return { control: controlText(control) }
}
