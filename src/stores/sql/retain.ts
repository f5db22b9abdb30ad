// Retention: what may go, what pins keep, and the removal, piece by piece.
//
// Every rule takes the oldest events of a stream and every pin keeps the newest, so what is removed is always the front of
// a stream. Each piece is one short transaction that leaves a sound journal: the events, the heads of their streams, the
// record of what stood there, the figures. Pins are looked at anew in each piece. Between two pieces appends have their
// turn; a crash between two leaves part of the work done, and the next retention does the rest. A dry run takes the same
// steps and writes nothing.
//
//   1  by age: positions below the first that is young enough (times rise with positions)
//   2  by stream: seqs below a bound (asked for, or released)
//   3  by size: from the oldest on, until the log is small enough; beats soft pins
//   4  command ids, pins that ended, blobs that nothing names any more

import { lineOverheadBytes } from '../../core/event-bytes.ts'
import { type HeldEvent, Holds } from '../../core/holds.ts'
import type { Position, Seq, TimeMs } from '../../core/numbers.ts'
import { compareUtf8 } from '../../core/utf8-order.ts'
import { limits } from '../../limits.ts'
import type { PinState, RetentionReport, RetentionRule } from '../store.ts'
import type { EventSelect, SqlReader, SqlUpkeep } from './backend.ts'
import { DryBlobs } from './dry-blobs.ts'
import { removalOf } from './removal.ts'
import type { EventSize, HeadRow } from './rows.ts'
import type { Ask } from './walkers.ts'

/** Events looked at in one transaction: what an append may have to wait longer is what this takes. */
const pieceEvents = 2_048
const commandsPerPiece = 5_000
const blobsPerPiece = 500

export interface Retaining {
  readonly ask: Ask
  /** A transaction in the turn of those who write; commits when the work is done. */
  piece<T>(work: (upkeep: SqlUpkeep) => Promise<T>): Promise<T>
  now(): TimeMs
  mustBeOpen(): void
}

export async function retain(
  retaining: Retaining,
  rule: RetentionRule,
  options: { readonly dryRun: boolean },
): Promise<RetentionReport> {
  const wanted = await wantedBy(retaining.ask, rule)
  const run = new Run(retaining, wanted, options.dryRun)
  const { position, ageBefore } = wanted
  await run.sweep({ select: { kind: 'all' }, from: 1, to: ageBefore - 1 }, 'any')
  for (const [stream, before] of wanted.seqBefore) {
    await run.sweep({ select: { kind: 'stream', stream }, from: 1, to: before - 1 }, 'any')
  }
  if (rule.bytesMax !== undefined) {
    run.bytesMax = rule.bytesMax
    await run.sweep({ select: { kind: 'all' }, from: 1, to: position }, 'hard')
  }
  const commands = await forget(retaining, rule.commandsBefore, options.dryRun)
  return {
    dryRun: options.dryRun,
    events: run.events,
    bytes: run.bytes,
    segments: 0,
    streams: run.streams.size,
    commands,
    blobs: options.dryRun ? await run.dryBlobs.count(retaining.ask, retaining.now()) : await collect(retaining),
    heldBy: run.heldBy(),
  }
}

/** What rules other than the one by size want gone, as of now: what is appended later is not meant. */
interface Wanted {
  readonly position: Position
  readonly ageBefore: Position
  readonly seqBefore: ReadonlyMap<string, Seq>
}

async function wantedBy(ask: Ask, rule: RetentionRule): Promise<Wanted> {
  const { position, earliest } = await ask((reader) => reader.head())
  const { before } = rule
  const ageBefore =
    before === undefined ? 0 : ((await ask((reader) => reader.firstAtOrAfter(before, earliest))) ?? position + 1)
  const seqBefore = new Map<string, Seq>()
  const raise = (stream: string, seq: Seq) => seqBefore.set(stream, Math.max(seq, seqBefore.get(stream) ?? 0))
  for (const { stream, before: seq } of rule.streams ?? []) {
    const last = (await ask((reader) => reader.stream(stream)))?.seq ?? 0
    raise(stream, seq === 'all' ? last + 1 : Math.min(seq, last + 1))
  }
  if (rule.released === true) await eachReleased(ask, ({ stream, released }) => raise(stream, released + 1))
  return { position, ageBefore, seqBefore }
}

async function eachReleased(ask: Ask, take: (row: { stream: string; released: Seq }) => void): Promise<void> {
  for (let after: string | undefined; ; ) {
    const rows = await ask((reader) => reader.released({ after, rowsMax: limits.pageEventsMax }))
    for (const row of rows) take(row)
    after = rows.at(-1)?.stream
    if (rows.length < limits.pageEventsMax) return
  }
}

type Range = { readonly select: EventSelect; readonly from: number; readonly to: number }

class Run {
  readonly #retaining: Retaining
  readonly #wanted: Wanted
  readonly #dryRun: boolean
  readonly #held: Map<string, number> = new Map()
  readonly streams: Set<string> = new Set()
  readonly dryBlobs: DryBlobs = new DryBlobs()
  events = 0
  bytes = 0
  /** How large the log may stay; undefined while size doesn't matter. */
  bytesMax: number | undefined

  constructor(retaining: Retaining, wanted: Wanted, dryRun: boolean) {
    this.#retaining = retaining
    this.#wanted = wanted
    this.#dryRun = dryRun
  }

  heldBy(): readonly string[] {
    return [...this.#held].flatMap(([pin, count]) => (count > 0 ? [pin] : [])).sort(compareUtf8)
  }

  /** Removes what the range holds, but for what pins of this strength keep. */
  async sweep(range: Range, strength: 'any' | 'hard'): Promise<void> {
    const byStream = range.select.kind === 'stream'
    for (let from = range.from; from <= range.to; ) {
      this.#retaining.mustBeOpen()
      const piece = { ...range, from }
      const step = this.#dryRun
        ? await this.#retaining.ask((reader) => this.#dryPiece(reader, piece, strength))
        : await this.#retaining.piece((upkeep) => this.#piece(upkeep, piece, strength))
      const last = step.rows.at(-1)
      this.#count(step)
      if (last === undefined || step.isEnough || step.rows.length < pieceEvents) return
      from = (byStream ? last.seq : last.position) + 1
    }
  }

  async #dryPiece(reader: SqlReader, range: Range, strength: 'any' | 'hard'): Promise<PieceOutcome> {
    const outcome = await this.#plan(reader, range, strength)
    await this.dryBlobs.take(reader, outcome.removed)
    return outcome
  }

  async #piece(upkeep: SqlUpkeep, range: Range, strength: 'any' | 'hard'): Promise<PieceOutcome> {
    const outcome = await this.#plan(upkeep, range, strength)
    if (outcome.removed.length > 0) await upkeep.remove(await removalOf(upkeep, outcome.head, outcome.removed))
    return outcome
  }

  async #plan(reader: SqlReader, range: Range, strength: 'any' | 'hard'): Promise<PieceOutcome> {
    const head = await reader.head()
    const now = Math.max(this.#retaining.now(), head.time)
    const holds = new Holds((await reader.pins()).filter(({ until }) => until === undefined || until > now))
    const rows = await reader.sizes({ ...range, rowsMax: pieceEvents })
    const removed: EventSize[] = []
    const held: { event: HeldEvent; pins: readonly PinState[] }[] = []
    const unheld: { event: HeldEvent; pins: readonly PinState[] }[] = []
    // Of a dry run, everything that went so far is still there.
    let left = this.#dryRun ? head.bytes - this.bytes : head.bytes
    const bytesMax = strength === 'hard' ? this.bytesMax : undefined
    let isEnough = false
    for (const event of rows) {
      if (bytesMax !== undefined && left <= bytesMax) {
        isEnough = true
        break
      }
      if (this.#wasTaken(event, range, holds, strength)) continue
      const pins = holds.of(event)
      const isHeld = strength === 'any' ? pins.length > 0 : holds.hard(event)
      if (isHeld) {
        if (strength === 'any' || !this.#isWanted(event)) held.push({ event, pins })
        continue
      }
      // Counted as held by an earlier rule, which the size now beats.
      if (pins.length > 0 && this.#isWanted(event)) unheld.push({ event, pins })
      removed.push(event)
      left -= event.textBytes + lineOverheadBytes
    }
    return { head, rows, removed, held, unheld, isEnough }
  }

  /** Whether an earlier step of a dry run removed, or an earlier step of any run held, this very event. */
  #wasTaken(event: EventSize, range: Range, holds: Holds, strength: 'any' | 'hard'): boolean {
    if (strength === 'hard') return this.#dryRun && this.#isWanted(event) && !holds.any(event)
    return range.select.kind === 'stream' && event.position < this.#wanted.ageBefore
  }

  #isWanted({ position, stream, seq }: HeldEvent): boolean {
    return position < this.#wanted.ageBefore || seq < (this.#wanted.seqBefore.get(stream) ?? 0)
  }

  #count({ removed, held, unheld }: PieceOutcome): void {
    for (const { stream, textBytes } of removed) {
      this.streams.add(stream)
      this.bytes += textBytes + lineOverheadBytes
    }
    this.events += removed.length
    for (const { pins } of held) for (const { pin } of pins) this.#held.set(pin, (this.#held.get(pin) ?? 0) + 1)
    for (const { pins } of unheld) for (const { pin } of pins) this.#held.set(pin, (this.#held.get(pin) ?? 0) - 1)
  }
}

interface PieceOutcome {
  readonly head: HeadRow
  readonly rows: readonly EventSize[]
  readonly removed: readonly EventSize[]
  readonly held: readonly { readonly event: HeldEvent; readonly pins: readonly PinState[] }[]
  readonly unheld: readonly { readonly event: HeldEvent; readonly pins: readonly PinState[] }[]
  /** The log is small enough. */
  readonly isEnough: boolean
}

/** The bound first: from then on they are forgotten, whatever rows are still there. */
async function forget(retaining: Retaining, before: TimeMs | undefined, dryRun: boolean): Promise<number> {
  if (before === undefined) return 0
  const count = await retaining.ask((reader) => reader.commandsBefore(before))
  if (dryRun) return count
  await retaining.piece(async (upkeep) => {
    const { forgetBefore } = await upkeep.head()
    await upkeep.setHead({ forgetBefore: Math.max(forgetBefore, before) })
  })
  let gone: number
  do gone = await retaining.piece((upkeep) => upkeep.forgetCommands(before, commandsPerPiece))
  while (gone === commandsPerPiece)
  return count
}

async function collect(retaining: Retaining): Promise<number> {
  await retaining.piece(async (upkeep) => {
    const now = Math.max(retaining.now(), (await upkeep.head()).time)
    const ended = (await upkeep.pins()).filter(({ until }) => until !== undefined && until <= now)
    if (ended.length > 0) await upkeep.dropPins(ended.map(({ pin }) => pin))
  })
  let gone: number
  let all = 0
  do {
    gone = await retaining.piece((upkeep) => upkeep.collectBlobs(retaining.now(), blobsPerPiece))
    all += gone
  } while (gone === blobsPerPiece)
  return all
}
