// Export: the state as records, as it is when the dump begins. Maps are copied then; events need no copy, because
// appending only adds to their array and retention makes a new one.

import type { Control } from '../../core/control.ts'
import { type GoneHeads, type RemovedBlock, removedRecords } from '../../core/removed-blocks.ts'
import { compareUtf8 } from '../../core/utf8-order.ts'
import { limits } from '../../limits.ts'
import { agendaControl, controlRecord, inlineBlobRecord, inPages, leaseControl, pinControl } from '../export-records.ts'
import type { DumpOptions, ImportRecord } from '../store.ts'
import type { BlobState } from './blobs.ts'
import type { MemoryState, StoredEvent } from './state.ts'

export interface Snapshot {
  readonly blobs: readonly (readonly [digest: string, blob: BlobState])[]
  readonly events: readonly StoredEvent[]
  readonly eventCount: number
  readonly removed: readonly RemovedBlock[]
  readonly goneHeads: GoneHeads
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
  const skipped = new Set<string>()
  for (const [digest] of snapshot.blobs) if (await withoutContent(digest)) skipped.add(digest)
  yield* inPages(recordsOf(snapshot, skipped), open)
}

function* recordsOf(snapshot: Snapshot, skipped: ReadonlySet<string>): Generator<ImportRecord, void, undefined> {
  for (const [digest, { content }] of snapshot.blobs) {
    if (skipped.has(digest)) yield controlRecord({ control: 'blob', digest, bytes: content.length })
    else yield* blobRecords(digest, content)
  }
  yield* history(snapshot)
  for (const control of snapshot.controls) yield controlRecord(control)
}

function* blobRecords(digest: string, content: Uint8Array): Generator<ImportRecord, void, undefined> {
  const bytes = content.length
  const all = Buffer.from(content.buffer, content.byteOffset, bytes)
  if (bytes <= limits.blobInlineBytesMax) {
    yield inlineBlobRecord(digest, all)
    return
  }
  yield controlRecord({ control: 'blob', digest, bytes })
  for (let at = 0; at < bytes; at += limits.chunkBytesMax) {
    yield { chunk: all.toString('base64', at, Math.min(bytes, at + limits.chunkBytesMax)) }
  }
}

function* history({ events, eventCount, removed, goneHeads }: Snapshot): Generator<ImportRecord, void, undefined> {
  let told = 0
  for (let index = 0; index < eventCount; index++) {
    const event = events[index] as StoredEvent // below the count
    for (; told < removed.length && (removed[told] as RemovedBlock).from < event.position; told++) {
      yield* removedRecords(removed[told] as RemovedBlock, goneHeads).map(controlRecord)
    }
    yield { event: { text: event.text, sum: event.sum } }
  }
  for (const block of removed.slice(told)) yield* removedRecords(block, goneHeads).map(controlRecord)
}

function goneHeads(state: MemoryState): GoneHeads {
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
  const agenda = byName(state.agenda).map(agendaControl)
  const leases = byName(state.leases).map(leaseControl)
  const pins = byName(state.livePins(time).map((pin) => [pin.pin, pin] as const)).map(pinControl)
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
