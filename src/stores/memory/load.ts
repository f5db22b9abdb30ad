// Import: exported records become the state of an empty journal, all of them or none.
//
// Positions, seqs, times, texts and sums are adopted as they are. Positions rise; a stream begins after seq 1 only
// where a `removed` record says what stood before. Everything is checked into a state of its own first.

import type { BlobControl, Control } from '../../core/control.ts'
import { textBytes } from '../../core/event-bytes.ts'
import { joinBlocks, type RemovedBlock } from '../../core/removed-blocks.ts'
import { HoldfastError } from '../../errors.ts'
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
import { MemoryState, type StoredEvent } from './state.ts'

/** The state that the records describe; blobs that are staged in `current` count as there. */
export async function loadState(current: MemoryState, records: ImportSource): Promise<MemoryState> {
  const loaded = new MemoryState()
  for (const [digest, blob] of current.blobs) loaded.blobs.set(digest, { ...blob })
  const removed: RemovedBlock[] = []
  let arriving: { readonly digest: string; readonly intake: BlobIntake } | undefined
  let index = 0
  const take = (record: ImportRecord): void => {
    if (arriving !== undefined) {
      const content = arriving.intake.take(record, index)
      if (content === undefined) return
      loaded.blobs.set(arriving.digest, { content, named: true, claims: new Set() })
      arriving = undefined
    } else if (record.event !== undefined) loadEvent(loaded, record.event, index)
    else if (record.control !== undefined) {
      const control = importedControl(record.control, index)
      if (control.control === 'removed') removed.push(loadRemoved(loaded, control, index))
      else if (isBlobToCome(loaded, control)) arriving = { digest: control.digest, intake: new BlobIntake(control) }
      else loadControl(loaded, control)
    } else throw importRefused(index, 'it is neither an event nor a control record')
  }
  for await (const record of recordsOf(records)) {
    take(record)
    index++
  }
  if (arriving !== undefined) throw importRefused(index, 'the content of a blob is missing')
  // Only now: a removed range may reach beyond events that follow its record.
  const newest = loaded.position
  for (const { to } of removed) loaded.position = Math.max(loaded.position, to)
  // The newest event is gone, and its time with it: it was at most the journal's.
  if (loaded.position > newest) loaded.eventTime = loaded.time
  loaded.removed = withoutRetained(joinBlocks(removed), loaded.events)
  return loaded
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
  const event = importedEvent(record, index)
  const { position, eventTime } = state
  mustFollow(event, { position, eventTime, seq: state.lastSeq(event.stream) }, index)
  for (const digest of event.blobs) {
    const blob = state.blobs.get(digest)
    if (blob === undefined) throw importRefused(index, `the blob ${digest} that it names is missing`)
    blob.named = true
  }
  state.addEvent({ ...event, bytes: textBytes(event.text) })
  state.time = Math.max(state.time, event.time)
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
      throw importRefused(index, `removed seqs of stream ${JSON.stringify(name)} do not stand at its front`)
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
