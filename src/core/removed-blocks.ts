// Where retention removed events: runs of positions without a retained event, and per stream what stood in each. Stores
// tell readers of them (RemovedRange) and exports hold them as `removed` records; the arithmetic is the same for all. Pure.
//
// Invariant of a joined list: in order of position, disjoint, none touching the next.

import type { Control } from './control.ts'
import type { Position, Seq } from './numbers.ts'
import { RemovedRun } from './removed-run.ts'

/** From one position to another, inclusive. */
export interface Span {
  readonly from: Position
  readonly to: Position
}

/** Events of one stream that are removed: from the position of the first to that of the last, with their seqs. */
export interface RemovedSpan extends Span {
  readonly first: Seq
  readonly last: Seq
}

/** A run of positions without a gap, all removed; per stream, from its first event there to its last. */
export interface RemovedBlock extends Span {
  readonly streams: ReadonlyMap<string, RemovedSpan>
}

export function blockOf(event: {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
}): RemovedBlock {
  const { position, seq } = event
  const span = { from: position, to: position }
  return { ...span, streams: new Map([[event.stream, { ...span, first: seq, last: seq }]]) }
}

/** In order of position, with those that touch made one. */
export function joinBlocks(blocks: readonly RemovedBlock[]): readonly RemovedBlock[] {
  const joined: { from: number; to: number; streams: Map<string, RemovedSpan> }[] = []
  for (const block of [...blocks].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last === undefined || block.from > last.to + 1) joined.push({ ...block, streams: new Map(block.streams) })
    else {
      last.to = Math.max(last.to, block.to)
      for (const [stream, span] of block.streams) last.streams.set(stream, hull(last.streams.get(stream), span))
    }
  }
  return joined
}

export function hull(a: RemovedSpan | undefined, b: RemovedSpan): RemovedSpan {
  if (a === undefined) return b
  return {
    from: Math.min(a.from, b.from),
    to: Math.max(a.to, b.to),
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
  }
}

/** What of the ranges lies inside the window. */
export function clipSpans(ranges: readonly Span[], window: Span): readonly Span[] {
  return ranges
    .map(({ from, to }) => ({ from: Math.max(from, window.from), to: Math.min(to, window.to) }))
    .filter(({ from, to }) => from <= to)
}

/** Last seq and position of streams of which nothing is retained. */
export type GoneHeads = ReadonlyMap<string, { readonly seq: Seq; readonly position: Position }>

/** A block as `removed` records. An import may say of a stream only that its events stood in a range with retained events of
 * others in it: that is told once, as it was. */
export function removedRecords(block: RemovedBlock, goneHeads: GoneHeads): readonly Control[] {
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
  return [...run.take(goneHeads), ...wider]
}
