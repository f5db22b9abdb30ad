// What a log's state answers: command ids, agenda, leases, pins, streams and counts, each read from memory and the tables
// alike. Whoever tells it to others waits until the state is durable.

import type { AgendaControl, CommandControl, LeaseControl, PinControl } from '../../core/control.ts'
import { receiptOf } from '../../core/decide.ts'
import { leaseFloorName } from '../../core/lease-floor.ts'
import type { Seq, TimeMs } from '../../core/numbers.ts'
import { countEvents } from '../../engine/event-count.ts'
import type { LogView } from '../../engine/log-view.ts'
import type { State } from '../../engine/state.ts'
import { kindPrefix, stateKeys } from '../../engine/state-keys.ts'
import { earliestSeq } from '../../engine/stream-read.ts'
import { never } from '../../errors.ts'
import type {
  AgendaItem,
  AgendaQuery,
  LeaseQuery,
  LeaseState,
  PinState,
  Receipt,
  StoreStats,
  StreamHead,
} from '../store.ts'
import type { FileLog } from './file-log.ts'

export async function findCommand(state: State, id: string): Promise<Receipt | undefined> {
  await state.loadEntry<CommandControl>(stateKeys.command(id))
  const command = state.command(id)
  return command === undefined || command === null ? undefined : receiptOf(command)
}

/** Earliest due first. */
export async function findAgenda(state: State, query: AgendaQuery): Promise<readonly AgendaItem[]> {
  const { limit = Number.POSITIVE_INFINITY, dueBy = Number.POSITIVE_INFINITY, prefix = '' } = query
  const found: AgendaItem[] = []
  for await (const page of state.scan(kindPrefix.due)) {
    for (const [key] of page) {
      const due = Number(key.slice(2, 18))
      const id = key.slice(19)
      if (due > dueBy || found.length >= limit) return found
      if (!id.startsWith(prefix)) continue
      const item = await state.loadEntry<AgendaControl>(stateKeys.agenda(id))
      const data = item?.data === undefined ? undefined : JSON.stringify(item.data)
      found.push({ id, due, data })
    }
  }
  return found
}

export async function findLease(state: State, name: string): Promise<LeaseState | undefined> {
  const lease = await state.loadEntry<LeaseControl>(stateKeys.lease(name))
  if (lease === null) return undefined
  const { owner, token, until, held } = lease
  return { lease: name, owner, token, until, held }
}

/** By name, which is how the keys are ordered. */
export async function findLeases(state: State, { owner, limit }: LeaseQuery): Promise<readonly LeaseState[]> {
  const found: LeaseState[] = []
  for await (const page of state.scan<LeaseControl>(kindPrefix.lease)) {
    for (const [, { lease, owner: holder, token, until, held }] of page) {
      if (found.length === limit) return found
      if (held && holder === owner) found.push({ lease, owner, token, until, held })
    }
  }
  return found
}

/** Those that hold now. */
export async function findPins(state: State, now: TimeMs): Promise<readonly PinState[]> {
  const pins: PinState[] = []
  for await (const page of state.scan<PinControl>(kindPrefix.pin)) {
    for (const [, { pin, stream, from, until }] of page) {
      if (from !== null && (until === undefined || until > now)) pins.push({ pin, stream, from, until })
    }
  }
  return pins
}

export async function findStream(log: LogView, name: string): Promise<StreamHead | undefined> {
  const head = await log.state.loadHead(name)
  if (head === null) return undefined
  return { stream: name, seq: head.seq, position: head.position, earliest: await earliestSeq(log, name) }
}

/** `earliestOf` says where a stream begins. Each page is durable when it is told. */
export async function* listStreams(
  log: FileLog,
  query: { readonly prefix?: string; readonly after?: string },
  earliestOf: (stream: string) => Promise<Seq>,
): AsyncGenerator<readonly StreamHead[]> {
  const after = query.after === undefined ? undefined : stateKeys.head(query.after)
  const pages = log.state.scan<readonly [number, number, number]>(stateKeys.head(query.prefix ?? ''), after)
  for await (const page of pages) {
    const heads: StreamHead[] = []
    for (const [key, [seq, position]] of page) {
      const stream = key.slice(kindPrefix.head.length)
      heads.push({ stream, seq, position, earliest: await earliestOf(stream) })
    }
    await log.stateIsDurable()
    yield heads
  }
}

export async function countAll(log: LogView & { readonly activeEvents: number }, now: TimeMs): Promise<StoreStats> {
  const { state, catalog } = log
  let blobs = 0
  let blobBytes = 0
  for await (const page of state.scan<{ readonly bytes: number }>(kindPrefix.blob)) {
    blobs += page.length
    for (const [, { bytes }] of page) blobBytes += bytes
  }
  const end = log.durableEnd()
  const sealed = catalog.sealed.map(({ facts }) => facts.sealed ?? never('what is sealed says how long it is'))
  return {
    events: await countEvents(log),
    streams: await countRows(state, kindPrefix.head),
    segments: catalog.all.length,
    bytes: sealed.reduce((sum, { bytes }) => sum + bytes, end.bytes),
    blobs,
    blobBytes,
    commands: await countRows(state, kindPrefix.command),
    agenda: await countRows(state, kindPrefix.agenda),
    leases: await countLeases(state),
    pins: (await findPins(state, now)).length,
  }
}

async function countLeases(state: State): Promise<number> {
  const floor = await state.loadEntry(stateKeys.lease(leaseFloorName))
  return (await countRows(state, kindPrefix.lease)) - (floor === null ? 0 : 1)
}

async function countRows(state: State, prefix: string): Promise<number> {
  let rows = 0
  for await (const page of state.scan(prefix)) rows += page.length
  return rows
}
