// Import: exported records become the state of an empty journal, all of them or none.
//
// Positions, seqs, times, texts and sums are adopted as they are. Positions rise; a stream begins after seq 1 only
// where a `removed` record says what stood before. Everything is checked into a state of its own first.

import type { BlobControl, Control } from '../../core/control.ts'
import { parseEventText } from '../../core/record.ts'
import { type ErrorExtras, HoldfastError } from '../../errors.ts'
import type { ImportRecord } from '../store.ts'
import { contentDigest } from './blobs.ts'
import { checkControl } from './load-control.ts'
import { joinBlocks } from './retain.ts'
import { MemoryState, type RemovedBlock, type StoredEvent, sumOfText, textBytes } from './state.ts'

const hint = 'Nothing was imported. Export the journal again, or import the file that the export wrote, unchanged.'

/** The state that the records describe; blobs that are staged in `current` count as there. */
export async function loadState(current: MemoryState, records: ImportSource): Promise<MemoryState> {
  const loaded = new MemoryState()
  for (const [digest, blob] of current.blobs) loaded.blobs.set(digest, { ...blob })
  const removed: RemovedBlock[] = []
  let blob: BlobIntake | undefined
  let index = 0
  const take = (record: ImportRecord): void => {
    if (blob !== undefined) {
      if (blob.take(record, index)) blob = undefined
    } else if (record.event !== undefined) loadEvent(loaded, record.event, index)
    else if (record.control !== undefined) {
      const control = parseControl(record.control, index)
      if (control.control === 'removed') removed.push(loadRemoved(loaded, control, index))
      else if (isBlobToCome(loaded, control)) blob = new BlobIntake(loaded, control)
      else loadControl(loaded, control)
    } else throw invalid(index, 'it is neither an event nor a control record')
    index++
  }
  for await (const page of records) {
    if (isPage(page)) for (const record of page) take(record)
    else take(page)
  }
  if (blob !== undefined) throw invalid(index, 'the content of a blob is missing')
  // Only now: a removed range may reach beyond events that follow its record.
  const newest = loaded.position
  for (const { to } of removed) loaded.position = Math.max(loaded.position, to)
  // The newest event is gone, and its time with it: it was at most the journal's.
  if (loaded.position > newest) loaded.eventTime = loaded.time
  loaded.removed = withoutRetained(joinBlocks(removed), loaded.events)
  return loaded
}

/** One by one or in pages. */
export type ImportSource = AsyncIterable<ImportRecord | readonly ImportRecord[]>

function isPage(page: ImportRecord | readonly ImportRecord[]): page is readonly ImportRecord[] {
  return Array.isArray(page)
}

/** A blob whose content stands in the records that follow: it has no content here, and none is known yet. */
function isBlobToCome(state: MemoryState, control: Control): control is BlobControl {
  return (
    control.control === 'blob' &&
    control.data === undefined &&
    control.chunks === undefined &&
    !state.blobs.has(control.digest)
  )
}

/** Gathers the content of one blob. */
class BlobIntake {
  readonly #state: MemoryState
  readonly #control: BlobControl
  readonly #parts: Buffer[] = []
  #bytes = 0

  constructor(state: MemoryState, control: BlobControl) {
    this.#state = state
    this.#control = control
  }

  /** True when it was the last part. */
  take(record: ImportRecord, index: number): boolean {
    const { digest, bytes } = this.#control
    if (record.chunk === undefined) throw invalid(index, `the content of blob ${digest} is missing`)
    const part = Buffer.from(record.chunk, 'base64')
    this.#parts.push(part)
    this.#bytes += part.length
    if (part.length === 0 || this.#bytes > bytes)
      throw invalid(index, `the content of blob ${digest} has another length`)
    if (this.#bytes < bytes) return false
    const content = Buffer.concat(this.#parts)
    if (contentDigest(content) !== digest) throw invalid(index, `the content of blob ${digest} is not its own`)
    this.#state.blobs.set(digest, { content, named: true, claims: new Set() })
    return true
  }
}

/** Staged blobs don't count: those that are kept outside the records come first. */
export function isEmpty(state: MemoryState): boolean {
  return (
    state.position === 0 &&
    state.removed.length === 0 &&
    state.commands.size + state.agenda.size + state.leases.size + state.pins.size + state.released.size === 0
  )
}

export function assertEmpty(state: MemoryState): void {
  if (isEmpty(state)) return
  throw new HoldfastError('TARGET_NOT_EMPTY', 'the journal already has content', {
    hint: 'Import into a new journal.',
  })
}

function loadEvent(state: MemoryState, record: { readonly text: string; readonly sum: string }, index: number): void {
  const { text, sum } = record
  if (sumOfText(text) !== sum) throw invalid(index, 'its checksum does not fit its text')
  const event = parseEvent(text, sum, index)
  const { position, stream, seq, time } = event
  if (position <= state.position) throw invalid(index, `position ${position} does not follow ${state.position}`)
  const last = state.lastSeq(stream)
  if (seq !== last + 1) throw invalid(index, `seq ${seq} of stream ${JSON.stringify(stream)} does not follow ${last}`)
  if (time < state.eventTime) throw invalid(index, 'its time is before that of its predecessor')
  for (const digest of event.blobs) {
    const blob = state.blobs.get(digest)
    if (blob === undefined) throw invalid(index, `the blob ${digest} that it names is missing`)
    blob.named = true
  }
  state.addEvent(event)
  state.time = Math.max(state.time, time)
}

function parseEvent(text: string, sum: string, index: number): StoredEvent {
  try {
    const { position, stream, seq, time, type, version, blobs } = parseEventText(text, sum)
    const isWhole = [position, seq, version].every((number) => Number.isSafeInteger(number) && number > 0)
    const isNamed = typeof stream === 'string' && typeof type === 'string'
    if (isWhole && isNamed && Number.isSafeInteger(time) && Array.isArray(blobs)) {
      return { position, stream, seq, time, type, blobs, text, sum, bytes: textBytes(text) }
    }
  } catch (cause) {
    throw invalid(index, 'its text is not JSON', { cause })
  }
  throw invalid(index, 'a field of the event is missing or of the wrong kind')
}

function parseControl(text: string, index: number): Control {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(index, 'its text is not JSON', { cause })
  }
  const wrong = checkControl(value)
  if (wrong !== undefined) throw invalid(index, wrong)
  return value as Control
}

function loadControl(state: MemoryState, control: Control): void {
  state.applyControl(control)
  if ('time' in control) state.time = Math.max(state.time, control.time)
}

function loadRemoved(
  state: MemoryState,
  control: Extract<Control, { readonly control: 'removed' }>,
  index: number,
): RemovedBlock {
  const { from, to, streams } = control
  for (const [name, first, last] of streams) {
    const stream = state.ensureStream(name)
    if (stream.events.length > 0 || first !== stream.seq + 1 || !(last >= first)) {
      throw invalid(index, `removed seqs of stream ${JSON.stringify(name)} do not stand at its front`)
    }
    stream.seq = last
    stream.position = to
  }
  return { from, to, streams: new Map(streams.map(([name, first, last]) => [name, { from, to, first, last }])) }
}

/** A removed record spans from its first to its last position; events of other streams may stand in between. */
function withoutRetained(blocks: readonly RemovedBlock[], events: readonly StoredEvent[]): readonly RemovedBlock[] {
  const parts: RemovedBlock[] = []
  let next = 0
  for (const { from, to, streams } of blocks) {
    let start = from
    while (next < events.length && (events[next] as StoredEvent).position < from) next++
    for (; next < events.length; next++) {
      const { position } = events[next] as StoredEvent
      if (position > to) break
      if (position > start) parts.push({ from: start, to: position - 1, streams })
      start = position + 1
    }
    if (start <= to) parts.push({ from: start, to, streams })
  }
  return parts
}

function invalid(index: number, why: string, extras: ErrorExtras = {}): HoldfastError {
  return new HoldfastError('IMPORT_INVALID', `record ${index} of the import can't be taken: ${why}`, {
    hint,
    ...extras,
    details: { index },
  })
}
