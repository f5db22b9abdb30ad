// Retention while running: what a rule allows to go, goes, in this order (FORMAT.md, section 8):
//
//   plan      what goes and what pins hold                                  (retention-plan.ts)
//   journal   a `retain` record, durable: from here on it is no longer part of the readable history
//   blobs     what no event names any more is journaled as gone
//   rewrite   the touched segments, off the append path                    (rewrite-segment.ts)
//   sweep     chunk files that nothing is made of any more
//
// A crash after any step leaves less freed than said, never more. Numbers are never reused: heads outlive their events.

import type { Control, RetainControl } from '../core/control.ts'
import type { Position, Seq, TimeMs } from '../core/numbers.ts'
import { tailBytes } from '../core/record.ts'
import { assert, never } from '../errors.ts'
import type { PinState, RetentionReport, RetentionRule } from '../stores/store.ts'
import { collectBlobs, findDeadBlobs, findOrphanBlobs, type Removal } from './blob-collection.ts'
import { sweepBlobs } from './blob-sweep.ts'
import type { Blobs } from './blobs.ts'
import type { Covering } from './cover.ts'
import type { LogView } from './log-view.ts'
import { planRetention, type RetentionPlan } from './retention-plan.ts'
import { rewriteSegments } from './rewrite-segment.ts'
import { type Segment, sealedOf } from './segment.ts'
import { type Survey, survey } from './segment-survey.ts'
import { readForward } from './sequential-read.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'
import { readStream } from './stream-read.ts'
import type { Entry } from './tables/entry.ts'
import type { Writer } from './writer.ts'

/** How many streams one `retain` record lists. */
const streamsPerRecord = 5_000
/** A segment cut by age or size is rewritten when at least this share of it is free; a deletion is always carried out. */
const rewriteShare = 0.5
/** Residues up to this size are merged with what is removed behind them. */
const residueBytesMax = 1_048_576

export interface RetentionLog extends LogView, Covering {
  readonly writer: Writer | undefined
  /** Waits until the caches cover what is sealed. */
  covered(): Promise<void>
  recordCatalog(derived: readonly Entry[]): Promise<void>
}

export interface RetentionParts {
  readonly log: RetentionLog
  readonly blobs: Blobs
  readonly pins: readonly PinState[]
}

export async function retainLog(
  parts: RetentionParts,
  rule: RetentionRule,
  options: { readonly dryRun: boolean },
): Promise<RetentionReport> {
  const { log } = parts
  await log.writer?.settled()
  const plan = await planRetention(log, rule, parts.pins)
  const toll = await countRemoved(log, plan)
  const commands = await countForgotten(log, rule.commandsBefore)
  const figures = { dryRun: options.dryRun, ...toll, commands, heldBy: plan.heldBy }
  const isNothing = plan.cut === 0 && plan.streams.size === 0
  if (options.dryRun || log.writer === undefined) {
    const dead = isNothing ? 0 : (await findDeadBlobs(parts, removalOf(log, plan), { withActive: true })).places.size
    const orphans = (await findOrphanBlobs(parts)).places.size
    return { ...figures, segments: segmentsBelow(log, plan.cut), blobs: dead + orphans }
  }
  await journalPlan(log, log.writer, plan, rule.commandsBefore)
  const orphans = await collectBlobs(parts, log.writer, await findOrphanBlobs(parts))
  await sweepBlobs(log, parts.blobs)
  if (isNothing && log.state.scalars.truncating.size === 0 && log.state.scalars.cut <= 1) {
    return { ...figures, segments: 0, blobs: orphans }
  }
  if (!isNothing && (await shouldRotate(log, log.writer, plan))) await log.writer.rotateNow()
  await log.covered()
  const dead = await findDeadBlobs(parts, { ...log.state.scalars, isVisible: (event) => log.state.isVisible(event) })
  const blobs = orphans + (await collectBlobs(parts, log.writer, dead))
  const before = log.catalog.all.length
  const bytes = await rewriteTouched(log, log.writer)
  await forgetTruncations(log)
  return { ...figures, bytes, segments: before - log.catalog.all.length, blobs }
}

// What goes, counted.

interface Toll {
  readonly events: number
  readonly bytes: number
  readonly streams: number
}

/** Reads what the plan removes: the cost is that of what goes, not of what stays. */
async function countRemoved(log: LogView, plan: RetentionPlan): Promise<Toll> {
  const streams = new Set<string>()
  let events = 0
  let bytes = 0
  const count = (event: { readonly stream: string; readonly text?: string }): void => {
    events++
    bytes += Buffer.byteLength(event.text ?? never('it was read with its text')) + tailBytes
    streams.add(event.stream)
  }
  if (plan.cut > 1) {
    const query = { select: { kind: 'all' }, to: plan.cut - 1, direction: 'forward', withText: true } as const
    for await (const page of readForward(log, query)) {
      for (const item of page) {
        assert(!('removed' in item), 'a read that tells no removals gives events')
        if (!((plan.keep.get(item.stream) ?? Number.POSITIVE_INFINITY) <= item.seq)) count(item)
      }
    }
  }
  for (const [stream, bound] of plan.streams) {
    const query = { select: { kind: 'stream', stream }, to: bound - 1, direction: 'forward', withText: true } as const
    for await (const page of readStream(log, query, stream)) {
      for (const item of page) {
        assert(!('removed' in item), 'a read that tells no removals gives events')
        const goesByCut = item.position < plan.cut && !((plan.keep.get(stream) ?? Number.POSITIVE_INFINITY) <= item.seq)
        if (!goesByCut) count(item)
      }
    }
  }
  return { events, bytes, streams: streams.size }
}

async function countForgotten(log: LogView, before: TimeMs | undefined): Promise<number> {
  if (before === undefined || before <= log.state.scalars.forgetBefore) return 0
  let commands = 0
  for await (const page of log.state.scan<{ readonly time: TimeMs }>(kindPrefix.command)) {
    for (const [, { time }] of page) if (time < before && time >= log.state.scalars.forgetBefore) commands++
  }
  return commands
}

function segmentsBelow(log: LogView, cut: Position): number {
  return log.catalog.all.slice(1).filter(({ facts }) => facts.first <= cut).length
}

/** What would be gone if the plan were carried out. */
function removalOf(log: LogView, plan: RetentionPlan): Removal {
  const { cut, truncating } = log.state.scalars
  return {
    cut: Math.max(cut, plan.cut),
    truncating: new Map([...truncating, ...plan.streams]),
    isVisible: (event) =>
      log.state.isVisible(event) &&
      !(event.position < plan.cut && !((plan.keep.get(event.stream) ?? Number.POSITIVE_INFINITY) <= event.seq)) &&
      !((plan.streams.get(event.stream) ?? 0) > event.seq),
  }
}

// Journaling.

async function journalPlan(
  log: RetentionLog,
  writer: Writer,
  plan: RetentionPlan,
  commandsBefore: TimeMs | undefined,
): Promise<void> {
  for (const stream of plan.streams.keys()) await log.state.loadEntry(stateKeys.released(stream))
  const streams = [...plan.streams]
  const parts: (readonly (readonly [string, Seq])[])[] = []
  for (let at = 0; at < streams.length; at += streamsPerRecord) parts.push(streams.slice(at, at + streamsPerRecord))
  const forgets = commandsBefore !== undefined && commandsBefore > log.state.scalars.forgetBefore
  if (plan.cut === 0 && parts.length === 0 && !forgets) return
  await writer.control((time): readonly Control[] => {
    const controls: Control[] = []
    if (plan.cut > 0)
      controls.push({ control: 'retain', time, before: plan.cut, keep: [...plan.keep] } satisfies RetainControl)
    for (const part of parts) controls.push({ control: 'retain', time, streams: part } satisfies RetainControl)
    if (forgets) controls.push({ control: 'forget', before: commandsBefore })
    return controls
  })
}

// Rewriting.

/** The active segment is sealed when it is what the rule is about: a deletion, or much of it below the cut. */
async function shouldRotate(log: RetentionLog, writer: Writer, plan: RetentionPlan): Promise<boolean> {
  const { active } = log.catalog
  if (writer.active.index.events === 0) return false
  for (const stream of plan.streams.keys()) if (writer.active.index.byStream.has(stream)) return true
  if (plan.cut <= active.facts.first) return false
  const found = await survey(log, active)
  return found.hiddenBytes >= rewriteShare * (found.hiddenBytes + found.visibleBytes)
}

/** Rewrites what is worth it, merging neighbours that keep no event; returns the bytes freed. */
async function rewriteTouched(log: RetentionLog, writer: Writer): Promise<number> {
  let bytesFreed = 0
  const rewrite = async (segments: readonly Segment[], reason: string): Promise<void> => {
    const done = await rewriteSegments({ ...coveringOf(log), writer }, segments, reason)
    bytesFreed += done.bytesFreed
    await log.recordCatalog(done.derived)
  }
  let run: Segment[] = []
  const endRun = async (): Promise<void> => {
    const isNews = run.some(({ facts }) => facts.isResidue !== true)
    if (isNews) await rewrite(run, 'retention')
    run = []
  }
  for (const segment of log.catalog.sealed) {
    const found = await survey(log, segment)
    if (found.visibleEvents === 0 && mayMerge(segment)) {
      run.push(segment)
      continue
    }
    await endRun()
    if (isWorthIt(found)) await rewrite([segment], 'retention')
  }
  await endRun()
  return bytesFreed
}

function coveringOf(log: RetentionLog): Covering {
  const { disk, identity, catalog, indexes, state } = log
  return { disk, identity, catalog, indexes, state }
}

function mayMerge({ facts }: Segment): boolean {
  return facts.isResidue !== true || sealedOf(facts).bytes <= residueBytesMax
}

function isWorthIt(found: Survey): boolean {
  if (found.hiddenEvents === 0) return false
  return found.deletedEvents > 0 || found.hiddenBytes >= rewriteShare * (found.hiddenBytes + found.visibleBytes)
}

/** Streams whose removed events are physically gone need no bound any more: what stands in the log is what is visible. */
async function forgetTruncations(log: RetentionLog): Promise<void> {
  const { truncating } = log.state.scalars
  for (const [stream, before] of [...truncating]) {
    if (!(await standsBelow(log, stream, before))) truncating.delete(stream)
  }
}

async function standsBelow(log: RetentionLog, stream: string, before: Seq): Promise<boolean> {
  let number = (await log.state.loadHead(stream))?.segment ?? 0
  while (number > 0) {
    const segment = log.catalog.byNumber(number)
    if (segment === undefined) return false
    const places = await log.indexes.with(segment, (index) => index.places(stream))
    if (places === undefined) return false
    if (places.first < before) return true
    number = places.previous
  }
  return false
}
