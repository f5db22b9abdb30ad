// What a retention rule means for this log now: a cut below which all goes but for what pins keep, and per stream a seq
// below which it goes. Removal is always a prefix of each stream, so what is retained of a stream is contiguous.
//
// Hard pins hold against every rule. Soft pins hold against rules by age, per stream and released, and lose to limits
// of bytes and segments.

import { eventStart } from '../core/event-line.ts'
import type { Position, Seq, TimeMs } from '../core/numbers.ts'
import { lineKind } from '../core/record.ts'
import { never } from '../errors.ts'
import { limits } from '../limits.ts'
import type { PinState, RetentionRule } from '../stores/store.ts'
import { LineReader } from './line-reader.ts'
import { readableBytes } from './log-view.ts'
import type { Segment } from './segment.ts'
import { kindPrefix } from './state-keys.ts'
import { earliestSeq, positionOf, seqAtOrBehind } from './stream-read.ts'
import { giveTurn, type UpkeepView } from './upkeep-turn.ts'

export interface RetentionPlan {
  /** Positions below go; 0 when the rule doesn't say so. */
  readonly cut: Position
  /** What pinned streams keep below the cut. */
  readonly keep: ReadonlyMap<string, Seq>
  /** Seqs below go. */
  readonly streams: ReadonlyMap<string, Seq>
  readonly heldBy: readonly string[]
}

/** What age and size ask for, and how far pins of the whole journal let them. */
interface Cuts {
  readonly age: Position
  readonly size: Position
  readonly byAge: Position
  readonly bySize: Position
}

export async function planRetention(
  log: UpkeepView,
  rule: RetentionRule,
  pins: readonly PinState[],
): Promise<RetentionPlan> {
  return new Planning(log, pins).plan(rule)
}

class Planning {
  readonly #log: UpkeepView
  readonly #hard: readonly PinState[]
  readonly #soft: readonly PinState[]
  readonly #heldBy: Set<string> = new Set()

  constructor(log: UpkeepView, pins: readonly PinState[]) {
    this.#log = log
    this.#hard = pins.filter(({ until }) => until === undefined)
    this.#soft = pins.filter(({ until }) => until !== undefined)
  }

  async plan(rule: RetentionRule): Promise<RetentionPlan> {
    const { cut: standing, keep: kept } = this.#log.state.scalars
    const all = [...this.#hard, ...this.#soft]
    const age = rule.before === undefined ? 0 : await this.#firstSince(rule.before)
    const size = Math.max(await this.#cutByBytes(rule), this.#cutBySegments(rule))
    const cuts = { age, size, byAge: this.#hold(age, all), bySize: this.#hold(size, this.#hard) }
    const cut = Math.max(cuts.byAge, cuts.bySize, standing)
    const keep = await this.#keptStreams(cut, cuts)
    const streams = await this.#streamBounds(rule, all)
    // Also without a higher cut: what a pin held below the standing one goes when it is asked for and held no more.
    const isNew =
      cut > standing || keep.size !== kept.size || [...keep].some(([stream, from]) => kept.get(stream) !== from)
    return { cut: isNew ? cut : 0, keep, streams, heldBy: [...this.#heldBy] }
  }

  /** A cut, lowered to what journal-wide pins hold. */
  #hold(cut: Position, pins: readonly PinState[]): Position {
    let held = cut
    for (const { pin, stream, from } of pins) {
      if (stream !== undefined || from >= cut) continue
      this.#heldBy.add(pin)
      held = Math.min(held, from)
    }
    return held
  }

  // Cuts.

  /** First position whose event is not older than `time`; behind the last one when all are. */
  async #firstSince(time: TimeMs): Promise<Position> {
    const end = this.#log.durableEnd()
    const segments = this.#log.catalog.all
    let low = 0
    let high = segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const segment = segments[middle] as Segment // within bounds
      const header = await segment.with(() => segment.header())
      if (header.header.time < time) low = middle + 1
      else high = middle
    }
    // A header is not older than any event before it: the events from `time` on begin in the segment before, or here.
    for (const segment of segments.slice(Math.max(0, low - 1))) {
      const found = await this.#firstEvent(segment, (event) => event.time >= time)
      if (found !== undefined) return found
    }
    return end.position + 1
  }

  async #firstEvent(
    segment: Segment,
    wanted: (event: { readonly time: TimeMs; readonly position: Position }, bytesLeft: number) => boolean,
  ): Promise<Position | undefined> {
    return segment.with(async (file) => {
      const header = await segment.header()
      const to = readableBytes(segment, this.#log.durableEnd())
      const lines = new LineReader(file, { from: header.bytes, to, chunkBytes: limits.upkeepPieceBytes })
      while (await lines.load()) {
        while (lines.next()) {
          const { buffer, start, end, offset } = lines
          if (lines.check() === undefined || lineKind(buffer, start) !== 'event') continue
          const event = eventStart(buffer, start, end)
          if (wanted(event, to - offset)) return event.position
        }
        await giveTurn(this.#log)
      }
      return undefined
    })
  }

  async #cutByBytes(rule: RetentionRule): Promise<Position> {
    const { bytesMax } = rule
    if (bytesMax === undefined) return 0
    const end = this.#log.durableEnd()
    let newer = 0
    for (const segment of [...this.#log.catalog.all].reverse()) {
      const bytes = readableBytes(segment, end)
      if (newer + bytes > bytesMax) {
        const room = bytesMax - newer
        return (await this.#firstEvent(segment, (_event, left) => left <= room)) ?? this.#firstBehind(segment)
      }
      newer += bytes
    }
    return 0
  }

  #firstBehind(segment: Segment): Position {
    const { number } = segment.facts
    const next = this.#log.catalog.all.find(({ facts }) => facts.number > number)
    return next?.facts.first ?? this.#log.durableEnd().position + 1
  }

  #cutBySegments(rule: RetentionRule): Position {
    const { segmentsMax } = rule
    const segments = this.#log.catalog.all
    if (segmentsMax === undefined || segments.length <= segmentsMax) return 0
    return segments.at(-Math.max(1, segmentsMax))?.facts.first ?? never('there are more segments than that')
  }

  // Streams.

  async #keptStreams(cut: Position, cuts: Cuts): Promise<Map<string, Seq>> {
    const keep = new Map<string, Seq>()
    for (const pin of this.#hard)
      await this.#keepFrom(keep, pin, { cut, wanted: Math.max(cuts.age, cuts.size), floor: 0 })
    if (cuts.byAge > cuts.bySize) {
      for (const pin of this.#soft) await this.#keepFrom(keep, pin, { cut, wanted: cuts.age, floor: cuts.bySize })
    }
    await this.#keepUnasked(keep, cut, Math.max(cuts.byAge, cuts.bySize))
    return keep
  }

  /** Keeps a pinned stream's events below the cut, from the pinned seq and from position `floor` on. */
  async #keepFrom(
    keep: Map<string, Seq>,
    { pin, stream, from }: PinState,
    { cut, wanted, floor }: { readonly cut: Position; readonly wanted: Position; readonly floor: Position },
  ): Promise<void> {
    if (stream === undefined) return
    const first = Math.max(
      from,
      await earliestSeq(this.#log, stream),
      floor === 0 ? 1 : await seqAtOrBehind(this.#log, stream, floor),
    )
    const position = await positionOf(this.#log, stream, first)
    if (position === undefined) return
    if (position < wanted) this.#heldBy.add(pin)
    if (position < cut) keep.set(stream, Math.min(first, keep.get(stream) ?? first))
  }

  /** Keeps what pins held at earlier retentions, for as far as nothing asks for it now. */
  async #keepUnasked(keep: Map<string, Seq>, cut: Position, wanted: Position): Promise<void> {
    for (const [stream, from] of this.#log.state.scalars.keep) {
      const behind = wanted === 0 ? 1 : await seqAtOrBehind(this.#log, stream, wanted)
      const first = Math.max(from, behind, await earliestSeq(this.#log, stream))
      const position = await positionOf(this.#log, stream, first)
      if (position !== undefined && position < cut) keep.set(stream, Math.min(first, keep.get(stream) ?? first))
    }
  }

  async #streamBounds(rule: RetentionRule, pins: readonly PinState[]): Promise<Map<string, Seq>> {
    const bounds = new Map<string, Seq>()
    const raise = (stream: string, before: Seq): void => {
      bounds.set(stream, Math.max(before, bounds.get(stream) ?? 0))
    }
    for (const { stream, before } of rule.streams ?? [])
      raise(stream, before === 'all' ? Number.MAX_SAFE_INTEGER : before)
    if (rule.released === true) {
      for await (const page of this.#log.state.scan<Seq>(kindPrefix.released)) {
        for (const [key, through] of page) raise(key.slice(kindPrefix.released.length), through + 1)
      }
    }
    const result = new Map<string, Seq>()
    for (const [stream, wanted] of bounds) {
      const head = await this.#log.state.loadHead(stream)
      if (head === null) continue
      const bound = await this.#holdStream(stream, Math.min(wanted, head.seq + 1), pins)
      if (bound > (await earliestSeq(this.#log, stream))) result.set(stream, bound)
    }
    return result
  }

  async #holdStream(stream: string, bound: Seq, pins: readonly PinState[]): Promise<Seq> {
    let held = bound
    for (const pin of pins) {
      if (pin.stream !== undefined && pin.stream !== stream) continue
      const from = pin.stream === stream ? pin.from : await seqAtOrBehind(this.#log, stream, pin.from)
      if (from >= bound) continue
      this.#heldBy.add(pin.pin)
      held = Math.min(held, from)
    }
    return held
  }
}
