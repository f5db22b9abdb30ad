// All that a journal shows through the store port, read in every way that there is: forward, backward, stream by stream.
// Ways of reading that disagree are a finding already.

import { compareUtf8 } from '../core/utf8-order.ts'
import type { AgendaItem, LeaseState, PinState, RawEvent, ReadQuery, Receipt, Store } from '../stores/store.ts'
import type { HistoryFinding } from './history-finding.ts'

export interface JournalContents {
  /** In the order of positions, beginning at `from`. */
  readonly events: readonly RawEvent[]
  /** Position at which reading began. */
  readonly from: number
  readonly agenda: readonly AgendaItem[]
  readonly pins: readonly PinState[]
  readonly commands: ReadonlyMap<string, Receipt | undefined>
  readonly leases: ReadonlyMap<string, LeaseState | undefined>
}

export async function readContents(
  store: Store,
  names: { readonly commands: readonly string[]; readonly leases: readonly string[] },
  from: number = 1,
): Promise<JournalContents | HistoryFinding> {
  const events = await readEvents(store, { select: { kind: 'all' }, direction: 'forward', from })
  const other = await disagreement(store, events, from)
  if (other !== undefined) return { kind: 'disagreement', message: other }
  const commands = new Map<string, Receipt | undefined>()
  for (const id of names.commands) commands.set(id, await store.command(id))
  const leases = new Map<string, LeaseState | undefined>()
  for (const name of names.leases) leases.set(name, await store.lease(name))
  return { events, from, agenda: await store.agenda({}), pins: await store.pins(), commands, leases }
}

export async function readEvents(store: Store, query: ReadQuery): Promise<readonly RawEvent[]> {
  const events: RawEvent[] = []
  for await (const page of store.read(query)) for (const item of page) if (!('removed' in item)) events.push(item)
  return events
}

async function disagreement(store: Store, events: readonly RawEvent[], from: number): Promise<string | undefined> {
  const backward = await readEvents(store, { select: { kind: 'all' }, direction: 'backward', from })
  const backwardDiffers = difference(events, backward.toReversed())
  if (backwardDiffers !== undefined) return `read backward: ${backwardDiffers}`
  const head = store.head()
  const last = events.at(-1)
  // It is above the last event where retention took what stood behind that.
  if (last !== undefined && head.position < last.position) {
    return `head() says ${head.position}, and the last event is ${last.position}`
  }
  const byStream = new Map<string, RawEvent[]>()
  for (const event of events) {
    const known = byStream.get(event.stream)
    if (known === undefined) byStream.set(event.stream, [event])
    else known.push(event)
  }
  for (const [stream, expected] of byStream) {
    const seq = expected[0]?.seq ?? 1
    const found = await readEvents(store, { select: { kind: 'stream', stream }, direction: 'forward', from: seq })
    const differs = difference(expected, found)
    if (differs !== undefined) return `stream ${stream}: ${differs}`
    const headSeq = (await store.stream(stream))?.seq
    if (headSeq !== expected.at(-1)?.seq) return `stream ${stream}: its head is ${String(headSeq)}`
  }
  return from > 1 ? undefined : listingDisagreement(store, [...byStream.keys()])
}

async function listingDisagreement(store: Store, withEvents: readonly string[]): Promise<string | undefined> {
  const listed: string[] = []
  for await (const page of store.streams({})) for (const { stream } of page) listed.push(stream)
  const isSorted = listed.every((name, index) => index === 0 || compareUtf8(listed[index - 1] ?? '', name) < 0)
  if (!isSorted) return 'streams() is not in order'
  const missing = withEvents.find((stream) => !listed.includes(stream))
  return missing === undefined ? undefined : `streams() does not list ${missing}`
}

function difference(expected: readonly RawEvent[], found: readonly RawEvent[]): string | undefined {
  for (const [index, event] of expected.entries()) {
    const other = found[index]
    if (other?.position !== event.position || other.sum !== event.sum) {
      return `position ${event.position} was read as ${String(other?.position)}`
    }
  }
  return found.length === expected.length ? undefined : `${found.length} events instead of ${expected.length}`
}
