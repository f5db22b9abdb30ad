// What a piece of retention writes, from the events that it takes away: the heads of their streams, and where they stood.
// New blocks are joined with those that they touch; their spans stay as they are, found by a position inside the joined
// block, and become their hull where there are many for few streams.

import { lineOverheadBytes } from '../../core/event-bytes.ts'
import { blockOf, hull, joinBlocks, type RemovedBlock, type RemovedSpan } from '../../core/removed-blocks.ts'
import type { RemovalWrite, SqlReader } from './backend.ts'
import type { EventSize, HeadRow, RemovedRow, SpanRow } from './rows.ts'

/** Spans read to make their hull: a block with more is left as it is. */
const spansMax = 1_000

export async function removalOf(
  reader: SqlReader,
  head: HeadRow,
  removed: readonly EventSize[],
): Promise<RemovalWrite> {
  const sorted = [...removed].sort((a, b) => a.position - b.position)
  const earliest = new Map<string, number>()
  let bytes = 0
  for (const { stream, seq, textBytes } of sorted) {
    earliest.set(stream, Math.max(seq + 1, earliest.get(stream) ?? 0))
    bytes += textBytes + lineOverheadBytes
  }
  const fresh = joinBlocks(sorted.map(blockOf))
  const beside = await reader.removedBeside(fresh)
  const blocks = joinBlocks([...fresh, ...beside.map((row) => ({ ...row, streams: new Map() }))])
  const spans = await spansFor(reader, { fresh, beside, blocks })
  return {
    head: {
      events: head.events - sorted.length,
      bytes: head.bytes - bytes,
      earliest: await earliestAfter(reader, head, blocks),
    },
    positions: sorted.map(({ position }) => position),
    streams: [...earliest].map(([stream, seq]) => ({ stream, earliest: seq })),
    blocksGone: beside.map(({ from }) => from),
    blocks: blocks.map(({ from, to }) => ({ from, to })),
    ...spans,
  }
}

/** What is retained begins behind the block that begins the history, if there is one now. */
async function earliestAfter(reader: SqlReader, head: HeadRow, blocks: readonly RemovedRow[]): Promise<number> {
  const front = blocks.find(({ from, to }) => from <= head.earliest && to >= head.earliest)
  if (front === undefined) return head.earliest
  // Positions of an imported history need not begin at 1, nor follow one another.
  const next = await reader.sizes({ select: { kind: 'all' }, from: front.to + 1, to: head.position, rowsMax: 1 })
  return next[0]?.position ?? head.position + 1
}

async function spansFor(
  reader: SqlReader,
  parts: {
    readonly fresh: readonly RemovedBlock[]
    readonly beside: readonly RemovedRow[]
    readonly blocks: readonly RemovedRow[]
  },
): Promise<Pick<RemovalWrite, 'spans' | 'spansGone'>> {
  const added = parts.fresh.flatMap(spansOf)
  const spansGone: RemovedRow[] = []
  const spans: SpanRow[] = []
  let next = 0
  for (const block of parts.blocks) {
    const own: SpanRow[] = []
    for (let span = added[next]; span !== undefined && span.part <= block.to; span = added[++next]) own.push(span)
    const isJoined = parts.beside.some(({ from }) => from >= block.from && from <= block.to)
    const known = isJoined ? await reader.spans({ ...block, after: undefined, rowsMax: spansMax }) : []
    if (known.length === 0 || known.length === spansMax) spans.push(...own)
    else {
      spansGone.push(block)
      spans.push(...hulls(block, [...known, ...own]))
    }
  }
  return { spans, spansGone }
}

function spansOf(block: RemovedBlock): readonly SpanRow[] {
  return [...block.streams].map(([stream, span]) => ({ part: block.from, stream, ...span }))
}

function hulls(block: RemovedRow, spans: readonly SpanRow[]): readonly SpanRow[] {
  return [...streamsOf(spans)].map(([stream, { from, to, first, last }]) => ({
    part: block.from,
    stream,
    from,
    to,
    first,
    last,
  }))
}

/** One span for each stream. */
export function streamsOf(spans: readonly SpanRow[]): Map<string, RemovedSpan> {
  const streams = new Map<string, RemovedSpan>()
  for (const { stream, from, to, first, last } of spans) {
    streams.set(stream, hull(streams.get(stream), { from, to, first, last }))
  }
  return streams
}
