// Which records of a dump a target is to be given: what it doesn't have yet, and for a fork not what is under way.
//
// A fork leaves to the source what the source goes on doing: what is due (the agenda) would be done twice, and a lease that
// two journals hold keeps nobody out. So the agenda stays behind, and leases come as released, with their tokens: the next
// one to acquire gets a higher one, and a token from before is refused in the fork.

import type { LeaseControl } from '../core/control.ts'
import { controlText } from '../core/control-text.ts'
import type { CopyIntake } from '../stores/copy-port.ts'
import type { ImportRecord } from '../stores/store.ts'
import { controlKind, eventPosition, removedRange } from './copy-tally.ts'

type Pages = AsyncIterable<readonly ImportRecord[]>

export interface LeftBehind {
  agenda: number
  /** Leases that are held in the source and not in the fork. */
  leases: number
}

/** The records as a fork has them. */
export async function* forkedPages(pages: Pages, left: LeftBehind): AsyncGenerator<readonly ImportRecord[]> {
  for await (const page of pages) yield page.flatMap((record) => forked(record, left))
}

function forked(record: ImportRecord, left: LeftBehind): readonly ImportRecord[] {
  const { control } = record
  const kind = control === undefined ? undefined : controlKind(control)
  if (control === undefined || (kind !== 'agenda' && kind !== 'lease')) return [record]
  if (kind === 'agenda') {
    left.agenda++
    return []
  }
  const lease = JSON.parse(control) as LeaseControl
  if (!lease.held) return [record]
  left.leases++
  return [{ control: controlText({ ...lease, held: false }) }]
}

/** Without what the target has. */
export async function* missingPages(pages: Pages, intake: CopyIntake): AsyncGenerator<readonly ImportRecord[]> {
  const { position } = intake
  let isSkipped = false
  for await (const page of pages) {
    const missing: ImportRecord[] = []
    for (const record of page) {
      if (record.chunk === undefined) isSkipped = await isThere(record, position, intake)
      if (!isSkipped) missing.push(record)
    }
    if (missing.length > 0) yield missing
  }
}

async function isThere({ event, control = '' }: ImportRecord, position: number, intake: CopyIntake): Promise<boolean> {
  if (event !== undefined) return eventPosition(event.text) <= position
  switch (controlKind(control)) {
    case 'blob':
      return intake.hasBlob((JSON.parse(control) as { readonly digest: string }).digest)
    case 'removed':
      return removedRange(control).from <= position
    default:
      return false
  }
}

/** Without the state: blobs and events. Removed ranges behind the last event are left out too: retention may still change
 * them, and the next load gives them again. */
export async function* historyPages(pages: Pages): AsyncGenerator<readonly ImportRecord[]> {
  let held: ImportRecord[] = []
  for await (const page of pages) {
    const history: ImportRecord[] = []
    for (const record of page) {
      const kind = record.control === undefined ? undefined : controlKind(record.control)
      if (kind === 'removed') held.push(record)
      else if (kind === undefined || kind === 'blob') {
        history.push(...held, record)
        held = []
      } else {
        if (history.length > 0) yield history
        return
      }
    }
    if (history.length > 0) yield history
  }
}
