// Which rows must be known before batches can be judged: every name that they mention, each once.

import type { Batch } from '../store.ts'
import type { GroupWanted } from './backend.ts'

export function wantedBy(batches: readonly Batch[]): GroupWanted {
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
    if (batch.leases !== undefined) for (const { lease } of batch.leases) leases.add(lease)
    if (batch.fences !== undefined) for (const { lease } of batch.fences) leases.add(lease)
    if (batch.releases !== undefined) for (const { stream } of batch.releases) streams.add(stream)
  }
  return {
    streams: [...streams],
    commands: [...commands],
    leases: [...leases],
    blobs: [...blobs],
    deferrable: batches.every(({ durability }) => durability === 'eventual'),
  }
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
