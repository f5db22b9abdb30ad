// Which rows must be known before batches can be judged: every name that they mention, each once, and for claims the entries
// that they can take. A claim may find entries taken, cleared or set by batches before it in the group, so each is given as
// many as all claims of the group ask for, and one for each entry or lease that the others mention.

import { leaseFloorName } from '../../core/lease-floor.ts'
import type { TimeMs } from '../../core/numbers.ts'
import type { Batch } from '../store.ts'
import type { DueWanted, GroupWanted } from './backend.ts'

export function wantedBy(batches: readonly Batch[], now: TimeMs): GroupWanted {
  const streams = new Set<string>()
  const commands = new Set<string>()
  const leases = new Set<string>()
  const blobs = new Set<string>()
  for (const batch of batches) {
    for (const event of batch.events) {
      streams.add(event.stream)
      if (event.blobs !== undefined) for (const digest of event.blobs) blobs.add(digest)
    }
    if (batch.expect !== undefined) for (const stream of batch.expect.keys()) streams.add(stream)
    if (batch.command !== undefined) commands.add(batch.command.id)
    if (batch.leases !== undefined) for (const { lease } of batch.leases) leases.add(lease).add(leaseFloorName)
    if (batch.fences !== undefined) for (const { lease } of batch.fences) leases.add(lease)
    if (batch.releases !== undefined) for (const { stream } of batch.releases) streams.add(stream)
  }
  const due = dueWantedBy(batches, now)
  if (due.length > 0) leases.add(leaseFloorName)
  // An entry that is set in this group can be claimed in it.
  if (due.length > 0) for (const { agenda = [] } of batches) for (const { id } of agenda) leases.add(id)
  return {
    streams: [...streams],
    commands: [...commands],
    leases: [...leases],
    blobs: [...blobs],
    due,
    deferrable: batches.every(({ durability }) => durability === 'eventual'),
  }
}

/** One for each prefix. */
function dueWantedBy(batches: readonly Batch[], now: TimeMs): readonly DueWanted[] {
  const claims = batches.flatMap(({ claim }) => claim ?? [])
  if (claims.length === 0) return []
  let limit = 0
  for (const claim of claims) limit += claim.limit
  for (const { agenda = [], leases = [] } of batches) limit += agenda.length + leases.length
  const latest = new Map<string, TimeMs>()
  for (const { prefix = '', dueBy } of claims) latest.set(prefix, Math.max(dueBy, latest.get(prefix) ?? 0))
  return [...latest].map(([prefix, dueBy]) => ({ prefix, dueBy, now, limit }))
}

/** Digests that the batch's events name, each once. */
export function blobsNamedBy(batch: Batch): readonly string[] {
  let named: Set<string> | undefined
  for (const { blobs } of batch.events) {
    if (blobs === undefined || blobs.length === 0) continue
    named ??= new Set()
    for (const digest of blobs) named.add(digest)
  }
  return named === undefined ? [] : [...named]
}
