// Export: the journal as records, from a snapshot, page by page: nothing that appends or retention do meanwhile shows.

import type { Control } from '../../core/control.ts'
import { parseSound } from '../../core/record.ts'
import { type GoneHeads, type RemovedBlock, removedRecords } from '../../core/removed-blocks.ts'
import { limits } from '../../limits.ts'
import { agendaControl, controlRecord, inlineBlobRecord, inPages, leaseControl, pinControl } from '../export-records.ts'
import type { DumpOptions, ImportRecord } from '../store.ts'
import type { SqlReader, SqlSnapshot } from './backend.ts'
import { blobContent } from './blob-content.ts'
import { checkedEvent } from './event-check.ts'
import { nextTurn } from './next-turn.ts'
import { streamsOf } from './removal.ts'
import type { HeadRow, RemovedRow, SpanRow } from './rows.ts'

const rowsMax = limits.pageEventsMax

export async function* dumpPages(
  place: { readonly label: string; readonly mustBeOpen: () => void },
  snapshot: SqlSnapshot,
  options: DumpOptions,
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  try {
    yield* inPages(recordsOf(snapshot, place.label, options), place.mustBeOpen)
  } finally {
    await snapshot.end()
  }
}

/** As the reader sees it: a snapshot, or a transaction with what it has written. */
export async function* recordsOf(
  reader: SqlReader,
  label: string,
  options: DumpOptions,
): AsyncGenerator<ImportRecord, void, undefined> {
  const head = await reader.head()
  yield* blobs(reader, label, options)
  yield* history(reader, head, label)
  for await (const control of controls(reader, head)) yield controlRecord(control)
}

/** Row after row of a table that is paged by name. */
export async function* rowsOf<R>(
  page: (query: { readonly after: string | undefined; readonly rowsMax: number }) => Promise<readonly R[]>,
  nameOf: (row: R) => string,
): AsyncGenerator<R, void, undefined> {
  for (let after: string | undefined; ; ) {
    const rows = await page({ after, rowsMax })
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsMax) return
    after = nameOf(last)
    await nextTurn()
  }
}

async function* blobs(
  reader: SqlReader,
  label: string,
  { withoutContent }: DumpOptions,
): AsyncGenerator<ImportRecord, void, undefined> {
  for await (const { digest, bytes } of rowsOf(
    (query) => reader.blobs(query),
    (row) => row.digest,
  )) {
    if ((await withoutContent?.(digest)) === true) {
      yield controlRecord({ control: 'blob', digest, bytes })
      continue
    }
    const ask = <T>(question: (asked: SqlReader) => Promise<T>) => question(reader)
    if (bytes <= limits.blobInlineBytesMax) {
      const parts: Uint8Array[] = []
      for await (const part of blobContent(ask, label, digest)) parts.push(part)
      yield inlineBlobRecord(digest, Buffer.concat(parts))
      continue
    }
    yield controlRecord({ control: 'blob', digest, bytes })
    let held = Buffer.alloc(0)
    for await (const part of blobContent(ask, label, digest)) {
      held = Buffer.concat([held, part])
      for (; held.length >= limits.chunkBytesMax; held = held.subarray(limits.chunkBytesMax)) {
        yield { chunk: held.toString('base64', 0, limits.chunkBytesMax) }
      }
    }
    if (held.length > 0) yield { chunk: held.toString('base64') }
  }
}

async function* history(
  reader: SqlReader,
  head: HeadRow,
  label: string,
): AsyncGenerator<ImportRecord, void, undefined> {
  const blocks = removedBlocks(reader, { from: 1, to: head.position })
  let block = await blocks.next()
  const gone = block.done === true ? new Map() : await goneHeads(reader)
  for (let from = 1; ; ) {
    const { rows, ended } = await reader.events({
      select: { kind: 'all' },
      from,
      to: head.position,
      direction: 'forward',
      rowsMax,
      bytesMax: limits.pageBytes,
    })
    for (const row of rows) {
      for (; block.done !== true && block.value.from < row.position; block = await blocks.next()) {
        yield* removedRecords(block.value, gone).map(controlRecord)
      }
      checkedEvent(row, { label, withText: false })
      yield { event: { text: row.text, sum: row.sum } }
    }
    const last = rows.at(-1)
    if (last === undefined || ended) break
    from = last.position + 1
    await nextTurn()
  }
  for (; block.done !== true; block = await blocks.next()) yield* removedRecords(block.value, gone).map(controlRecord)
}

/** Those that overlap the range. */
export async function* removedBlocks(
  reader: SqlReader,
  { from: first, to }: RemovedRow,
): AsyncGenerator<RemovedBlock, void, undefined> {
  for (let from = first; ; ) {
    const rows = await reader.removed({ from, to, prefix: undefined, rowsMax })
    for (const row of rows) yield { from: row.from, to: row.to, streams: streamsOf(await spansIn(reader, row)) }
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsMax) return
    from = last.to + 1
  }
}

async function spansIn(reader: SqlReader, { from, to }: { readonly from: number; readonly to: number }) {
  const spans: SpanRow[] = []
  for (let after: { part: number; stream: string } | undefined; ; ) {
    const rows = await reader.spans({ from, to, after, rowsMax })
    spans.push(...rows)
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsMax) return spans
    after = { part: last.part, stream: last.stream }
  }
}

async function goneHeads(reader: SqlReader): Promise<GoneHeads> {
  const gone = new Map<string, { seq: number; position: number }>()
  const all = rowsOf(
    (query) => reader.streams({ ...query, prefix: '' }),
    (row) => row.stream,
  )
  for await (const { stream, seq, position, earliest } of all) if (earliest > seq) gone.set(stream, { seq, position })
  return gone
}

async function* controls(reader: SqlReader, head: HeadRow): AsyncGenerator<Control, void, undefined> {
  const { time, forgetBefore } = head
  const commands = rowsOf(
    (query) => reader.commands(query),
    (row) => row.id,
  )
  for await (const row of commands) if (row.time >= forgetBefore) yield parseSound(row.text) as Control
  if (forgetBefore > 0) yield { control: 'forget', before: forgetBefore }
  for await (const row of rowsOf(
    (query) => reader.agendaById(query),
    (item) => item.id,
  )) {
    yield agendaControl(row)
  }
  for await (const row of rowsOf(
    (query) => reader.leases(query),
    (item) => item.lease,
  )) {
    yield leaseControl(row)
  }
  for (const pin of await reader.pins()) if (pin.until === undefined || pin.until > time) yield pinControl(pin)
  for await (const { stream, released } of rowsOf(
    (query) => reader.released(query),
    (row) => row.stream,
  )) {
    yield { control: 'released', stream, through: released }
  }
  if (time > 0) yield { control: 'witness', time }
}
