// From a plan's append to the batch that a store takes, by what the run has come to.

import { digestBatch } from '../../src/core/digest.ts'
import type { Batch, EncodedEvent, Selector } from '../../src/stores/store.ts'
import type { Ledger } from './ledger.ts'
import { type AppendSpec, blobBytes, type LeaseSpec, prefixes, type Selection, streamNames } from './plan.ts'

/** So long that no run outlasts it. */
const leaseMs = 40_000_000_000

export function streamName(stream: number): string {
  return streamNames[stream % streamNames.length] as string // below the length
}

export function selectorOf(selection: Selection): Selector {
  if (selection === 'all') return { kind: 'all' }
  if ('stream' in selection) return { kind: 'stream', stream: streamName(selection.stream) }
  return { kind: 'prefix', prefix: prefixes[selection.prefix % prefixes.length] as string } // below the length
}

/** Content that differs in every part, so that nothing can be taken for something else. */
export function blobContent(blob: number): Buffer {
  const size = blobBytes[blob % blobBytes.length] as number // below the length
  return Buffer.from(Array.from({ length: Math.ceil(size / 8) }, (_, at) => `${blob}:${at};`.padEnd(8, '.')).join(''))
}

/** `digests` are those of the blobs that its events name, staged before. Events of commands are the same each time. */
export function batchOf(spec: AppendSpec, ledger: Ledger, digests: ReadonlyMap<number, string>): Batch {
  const { command, expect, agenda, lease, fence, pin, release } = spec
  const unique = command === undefined ? `n${ledger.appends}` : `c${command.id}.${command.variant}`
  const events = spec.events.map(({ stream, bytes, blob }, index): EncodedEvent => {
    const data = JSON.stringify({ id: `${unique}.${index}`, pad: 'x'.repeat(bytes) })
    const event = { stream: streamName(stream), type: `t${index % 2}`, version: 1, data }
    const digest = blob === undefined ? undefined : digests.get(blob)
    return digest === undefined ? event : { ...event, blobs: [digest] }
  })
  const batch: Batch = {
    events,
    durability: spec.eventual === true ? 'eventual' : 'sync',
    ...(expect === undefined ? {} : { expect: new Map([[streamName(expect.stream), expectedSeq(expect, ledger)]]) }),
    ...(agenda === undefined
      ? {}
      : { agenda: agenda.map(({ id, due }) => ({ id: `due${id}`, due, data: `{"d":${id}}` })) }),
    ...(lease === undefined ? {} : { leases: [leaseChange(lease, ledger)] }),
    ...(fence === undefined ? {} : { fences: [{ lease: leaseName(fence.lease), token: tokenOf(fence, ledger) }] }),
    ...(pin === undefined ? {} : { pins: [pinChange(pin)] }),
    ...(release === undefined ? {} : { releases: [{ ...release, stream: streamName(release.stream) }] }),
  }
  return command === undefined
    ? batch
    : { ...batch, command: { id: `command${command.id}`, digest: digestBatch(batch) } }
}

function expectedSeq({ stream, seq }: NonNullable<AppendSpec['expect']>, ledger: Ledger): number {
  const head = ledger.heads.get(streamName(stream)) ?? 0
  if (seq === 'right') return head
  return seq === 'none' ? 0 : Math.max(0, head - 1)
}

function leaseName(lease: number): string {
  return `lease${lease}`
}

function tokenOf(
  { lease, token }: { readonly lease: number; readonly token: 'newest' | 'stale' },
  ledger: Ledger,
): number {
  const newest = ledger.tokens.get(leaseName(lease)) ?? 1
  return token === 'newest' ? newest : newest - 1
}

function leaseChange(spec: LeaseSpec, ledger: Ledger): NonNullable<Batch['leases']>[number] {
  const lease = leaseName(spec.lease)
  if (spec.change === 'acquire') return { lease, op: 'acquire', owner: `owner${spec.owner}`, ttlMs: leaseMs }
  const token = tokenOf(spec, ledger)
  return spec.change === 'renew' ? { lease, op: 'renew', token, ttlMs: leaseMs } : { lease, op: 'release', token }
}

function pinChange({ pin, stream, ...rest }: NonNullable<AppendSpec['pin']>): NonNullable<Batch['pins']>[number] {
  return { pin: `pin${pin}`, ...(stream === undefined ? {} : { stream: streamName(stream) }), ...rest }
}
