// Retention: what may go, what pins keep, and the removal itself.
//
// Every rule takes the oldest events of a stream and every pin keeps the newest, so what is removed is always the
// front of a stream and what stays has no hole. A dry run makes the same plan and stops there.

import { Holds } from '../../core/holds.ts'
import type { TimeMs } from '../../core/numbers.ts'
import { blockOf, joinBlocks } from '../../core/removed-blocks.ts'
import type { RetentionReport, RetentionRule } from '../store.ts'
import type { MemoryState, StoredEvent } from './state.ts'

interface Plan {
  readonly removed: ReadonlySet<StoredEvent>
  readonly heldBy: readonly string[]
  readonly commands: readonly string[]
  readonly blobs: readonly string[]
}

export function retain(
  state: MemoryState,
  rule: RetentionRule,
  options: { readonly dryRun: boolean; readonly now: TimeMs },
): RetentionReport {
  const plan = planRemoval(state, rule, options.now)
  const streams = new Set<string>()
  let bytes = 0
  for (const event of plan.removed) {
    streams.add(event.stream)
    bytes += event.bytes
  }
  if (!options.dryRun) carryOut(state, plan, { streams, commandsBefore: rule.commandsBefore, now: options.now })
  return {
    dryRun: options.dryRun,
    events: plan.removed.size,
    bytes,
    segments: 0,
    streams: streams.size,
    commands: plan.commands.length,
    blobs: plan.blobs.length,
    heldBy: plan.heldBy,
  }
}

function planRemoval(state: MemoryState, rule: RetentionRule, now: TimeMs): Plan {
  const holds = new Holds(state.livePins(now))
  const removed = new Set<StoredEvent>()
  // What a rule wanted and a pin kept, so far.
  const held: StoredEvent[] = []
  const isWanted = wantedByAge(state, rule)
  for (const event of state.events) {
    if (!isWanted(event)) continue
    if (holds.any(event)) held.push(event)
    else removed.add(event)
  }
  if (rule.bytesMax !== undefined) trimToSize(state, rule.bytesMax, { holds, removed, held })
  const { commandsBefore } = rule
  const commands =
    commandsBefore === undefined ? [] : [...state.commands.values()].filter((command) => command.time < commandsBefore)
  return {
    removed,
    heldBy: holds.namesOf(held.filter((event) => !removed.has(event))),
    commands: commands.map((command) => command.id),
    blobs: unusedBlobs(state, removed),
  }
}

/** Whether a rule other than the one by size wants the event gone. */
function wantedByAge(state: MemoryState, rule: RetentionRule): (event: StoredEvent) => boolean {
  const before = rule.before ?? 0
  const seqBefore = new Map<string, number>()
  const raise = (stream: string, seq: number) => seqBefore.set(stream, Math.max(seq, seqBefore.get(stream) ?? 0))
  for (const { stream, before: seq } of rule.streams ?? []) {
    raise(stream, seq === 'all' ? state.lastSeq(stream) + 1 : seq)
  }
  if (rule.released === true) for (const [stream, through] of state.released) raise(stream, through + 1)
  return (event) => event.time < before || event.seq < (seqBefore.get(event.stream) ?? 0)
}

function trimToSize(
  state: MemoryState,
  bytesMax: number,
  plan: { readonly holds: Holds; readonly removed: Set<StoredEvent>; readonly held: StoredEvent[] },
): void {
  let bytes = state.bytes
  for (const event of plan.removed) bytes -= event.bytes
  for (const event of state.events) {
    if (bytes <= bytesMax) return
    if (plan.removed.has(event)) continue
    if (plan.holds.hard(event)) plan.held.push(event)
    else {
      plan.removed.add(event)
      bytes -= event.bytes
    }
  }
}

/** Named by no event that stays, and claimed by nobody. */
function unusedBlobs(state: MemoryState, removed: ReadonlySet<StoredEvent>): readonly string[] {
  if (state.blobs.size === 0) return []
  const used = new Set<string>()
  for (const event of state.events) {
    if (!removed.has(event)) for (const digest of event.blobs) used.add(digest)
  }
  return [...state.blobs]
    .filter(([digest, blob]) => blob.claims.size === 0 && !used.has(digest))
    .map(([digest]) => digest)
}

function carryOut(
  state: MemoryState,
  plan: Plan,
  {
    streams,
    commandsBefore,
    now,
  }: {
    readonly streams: ReadonlySet<string>
    readonly commandsBefore: TimeMs | undefined
    readonly now: TimeMs
  },
): void {
  if (plan.removed.size > 0) {
    state.removed = joinBlocks([...state.removed, ...[...plan.removed].map(blockOf)])
    state.events = state.events.filter((event) => !plan.removed.has(event))
    for (const event of plan.removed) state.bytes -= event.bytes
    for (const name of streams) {
      const stream = state.ensureStream(name)
      stream.events = stream.events.filter((event) => !plan.removed.has(event))
    }
  }
  for (const pin of state.pins.values()) {
    if (pin.until !== undefined && pin.until <= now) state.pins.delete(pin.pin)
  }
  if (commandsBefore !== undefined) state.forgetCommands(commandsBefore)
  for (const digest of plan.blobs) state.blobs.delete(digest)
}
