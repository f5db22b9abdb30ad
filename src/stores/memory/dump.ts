// Export: the state as records, as it is when the dump begins. Maps are copied then; events need no copy, because
// appending only adds to their array and retention makes a new one.

import type { Control } from '../../core/control.ts'
import { controlText } from '../../core/control-text.ts'
import { RemovedRun } from '../../core/removed-run.ts'
import { compareUtf8 } from '../../core/utf8-order.ts'
import { limits } from '../../limits.ts'
import type { DumpOptions, ImportRecord } from '../store.ts'
import type { BlobState } from './blobs.ts'
import type { MemoryState, RemovedBlock, StoredEvent } from './state.ts'

export interface Snapshot {
  readonly blobs: readonly (readonly [digest: string, blob: BlobState])[]
  readonly events: readonly StoredEvent[]
  readonly eventCount: number
  readonly removed: readonly RemovedBlock[]
  readonly goneHeads: ReadonlyMap<string, { readonly seq: number; readonly position: number }>
  readonly controls: readonly Control[]
}

export function snapshotOf(state: MemoryState): Snapshot {
  const { events, removed } = state
  const blobs = [...state.blobs].filter(([, blob]) => blob.named).sort(([a], [b]) => compareUtf8(a, b))
  return { blobs, events, eventCount: events.length, removed, goneHeads: goneHeads(state), controls: controlsOf(state) }
}

/** `open` throws CLOSED once the journal is. */
export async function* dumpPages(
  snapshot: Snapshot,
  open: () => unknown,
  { withoutContent = () => false }: DumpOptions = {},
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  let page: ImportRecord[] = []
  let bytes = 0
  const skipped = new Set<string>()
  for (const [digest] of snapshot.blobs) if (await withoutContent(digest)) skipped.add(digest)
  for (const record of recordsOf(snapshot, skipped)) {
    page.push(record)
    bytes += record.event?.text.length ?? record.control?.length ?? record.chunk?.length ?? 0
    if (page.length < limits.pageEventsMax && bytes < limits.pageBytes) continue
    open()
    yield page
    page = []
    bytes = 0
  }
  open()
  if (page.length > 0) yield page
}

function* recordsOf(snapshot: Snapshot, skipped: ReadonlySet<string>): Generator<ImportRecord, void, undefined> {
  for (const [digest, { content }] of snapshot.blobs) {
    if (skipped.has(digest)) yield recordOf({ control: 'blob', digest, bytes: content.length })
    else yield* blobRecords(digest, content)
  }
  yield* history(snapshot)
  for (const control of snapshot.controls) yield recordOf(control)
}

function* blobRecords(digest: string, content: Uint8Array): Generator<ImportRecord, void, undefined> {
  const bytes = content.length
  const all = Buffer.from(content.buffer, content.byteOffset, bytes)
  if (bytes <= limits.blobInlineBytesMax) {
    yield recordOf({ control: 'blob', digest, bytes, data: all.toString('base64') })
    return
  }
  yield recordOf({ control: 'blob', digest, bytes })
  for (let at = 0; at < bytes; at += limits.chunkBytesMax) {
    yield { chunk: all.toString('base64', at, Math.min(bytes, at + limits.chunkBytesMax)) }
  }
}

function* history({ events, eventCount, removed, goneHeads }: Snapshot): Generator<ImportRecord, void, undefined> {
  let told = 0
  for (let index = 0; index < eventCount; index++) {
    const event = events[index] as StoredEvent // below the count
    for (; told < removed.length && (removed[told] as RemovedBlock).from < event.position; told++) {
      yield* removedRecords(removed[told] as RemovedBlock, goneHeads)
    }
    yield { event: { text: event.text, sum: event.sum } }
  }
  for (const block of removed.slice(told)) yield* removedRecords(block, goneHeads)
}

/** An import may say of a stream only that its events stood in a range with retained events of others in it: that is told
 * once, as it was. */
function* removedRecords(
  block: RemovedBlock,
  goneHeads: Snapshot['goneHeads'],
): Generator<ImportRecord, void, undefined> {
  const { from, to } = block
  const run = new RemovedRun()
  run.addPositions(from, to, to - from + 1)
  const wider: Control[] = []
  for (const [stream, span] of block.streams) {
    const { first, last } = span
    if (span.from >= from && span.to <= to) run.addSeqs(stream, first, last)
    else if (span.from >= from) {
      const { from, to } = span
      wider.push({ control: 'removed', from, to, count: last - first + 1, streams: [[stream, first, last]] })
    }
  }
  for (const control of [...run.take(goneHeads), ...wider]) yield recordOf(control)
}

function goneHeads(state: MemoryState): Snapshot['goneHeads'] {
  const heads = new Map<string, { seq: number; position: number }>()
  for (const { name, seq, position, events } of state.streams.values()) {
    if (events.length === 0) heads.set(name, { seq, position })
  }
  return heads
}

function controlsOf(state: MemoryState): readonly Control[] {
  const { time, forgetBefore } = state
  const byName = <T>(items: Iterable<readonly [string, T]>): T[] =>
    [...items].sort(([a], [b]) => compareUtf8(a, b)).map(([, item]) => item)
  const agenda = byName(state.agenda).map(
    ({ id, due, data }): Control => ({ control: 'agenda', id, due, ...(data === undefined ? {} : parsed(data)) }),
  )
  const leases = byName(state.leases).map((lease): Control => ({ control: 'lease', ...lease }))
  const pins = byName(state.livePins(time).map((pin) => [pin.pin, pin] as const)).map(
    ({ pin, stream, from, until }): Control => ({
      control: 'pin',
      pin,
      ...(stream === undefined ? {} : { stream }),
      from,
      ...(until === undefined ? {} : { until }),
    }),
  )
  const released = [...state.released]
    .sort(([a], [b]) => compareUtf8(a, b))
    .map(([stream, through]): Control => ({ control: 'released', stream, through }))
  return [
    ...byName(state.commands).filter((command) => command.time >= forgetBefore),
    ...(forgetBefore === 0 ? [] : [{ control: 'forget', before: forgetBefore } as const]),
    ...agenda,
    ...leases,
    ...pins,
    ...released,
    ...(time === 0 ? [] : [{ control: 'witness', time } as const]),
  ]
}

function parsed(data: string): { readonly data: unknown } {
  return { data: JSON.parse(data) as unknown }
}

function recordOf(control: Control): ImportRecord {
  return { control: controlText(control) }
}
