// What can go along with the events of an append, from the user's form to the store's.
//
// Everything here takes effect together with the events or not at all.

import { parseDuration } from '../core/duration.ts'
import { checkName, checkStreamName } from '../core/names.ts'
import type { Seq } from '../core/numbers.ts'
import type { PayloadCodec } from '../core/payload.ts'
import { HoldfastError } from '../errors.ts'
import type { AgendaChange, Batch, FenceCheck, LeaseChange, PinChange, Release } from '../stores/store.ts'
import { checkObject, checkWhole, invalidArgument } from './argument.ts'
import { checkCount, checkPayloadBytes } from './batch-size.ts'

/** The seq that a stream must be at, or 'none' when it must never have had an event. */
export type Expectation = number | 'none'
export type Durability = 'sync' | 'eventual'
/** Milliseconds, or text such as '90s' or '2d'. */
export type Duration = number | string

/** Sets or replaces what is due; null clears it. */
export interface AgendaInput {
  readonly id: string
  readonly due: Date | number | null
  readonly data?: unknown
}

export type LeaseInput =
  | { readonly lease: string; readonly acquire: string; readonly ttl: Duration }
  | { readonly lease: string; readonly renew: number; readonly ttl: Duration }
  | { readonly lease: string; readonly release: number }

/** The append is refused with LEASE_LOST unless this token is the newest of its lease. A Lease can stand here. */
export interface Fence {
  readonly lease: string
  readonly token: number
}

/** Keeps events from retention from this seq (with `stream`) or position on; null unpins. With `ttl` it ends by itself
 * and loses to size limits; without, nothing removes what it holds. */
export interface PinInput {
  readonly pin: string
  readonly stream?: string
  readonly from: number | null
  readonly ttl?: Duration
}

export interface AppendOptions {
  /** Per stream; a plain value is for the one stream that is appended to. Refused with SEQ_CONFLICT. */
  readonly expect?: Expectation | Readonly<Record<string, Expectation>>
  /** The caller's name for this append: the same id again resolves to the first receipt and stores nothing. */
  readonly commandId?: string
  /** 'sync', the default: acknowledged means that it survives a power cut. */
  readonly durability?: Durability
  /** Entries of the agenda that are set or taken off with the events. */
  readonly agenda?: readonly AgendaInput[]
  /** Leases that are taken, renewed or given back with the events. */
  readonly leases?: readonly LeaseInput[]
  /** Leases that have to be held: if one is not, nothing takes effect (LEASE_LOST). */
  readonly fence?: Fence | readonly Fence[]
  /** Pins against retention that are set or let go with the events. */
  readonly pins?: readonly PinInput[]
  /** Streams whose events up to `through` (by default: to the end of this append) may be removed by `released`. */
  readonly releases?: readonly Release[]
  /** Checked until the append is handed to the store; from then on it takes effect. */
  readonly signal?: AbortSignal
}

export type BatchInMaking = { -readonly [Name in keyof Batch]: Batch[Name] }

/** Adds what the options say beside events, command and durability. `stream`: the one that is appended to, if it is one. */
export function addExtras(
  batch: BatchInMaking,
  options: AppendOptions,
  { stream, codec }: { readonly stream: string | undefined; readonly codec: PayloadCodec },
): void {
  const { expect, agenda, leases, fence, pins, releases } = options
  // Only what is there, without an object for each that isn't: every step of a run comes through here.
  if (expect !== undefined) batch.expect = expectations(expect, stream)
  if (agenda !== undefined) batch.agenda = list(agenda, 'agenda').map((item) => agendaChange(item, codec))
  if (leases !== undefined) batch.leases = list(leases, 'leases').map(leaseChange)
  if (fence !== undefined) batch.fences = list(Array.isArray(fence) ? fence : [fence], 'fences').map(fenceCheck)
  if (pins !== undefined) batch.pins = list(pins, 'pins').map(pinChange)
  if (releases !== undefined) batch.releases = list(releases, 'releases').map(releaseOf)
}

export function checkDurability(value: unknown): asserts value is Durability {
  if (value !== 'sync' && value !== 'eventual') throw invalidArgument('durability', "'sync' or 'eventual'")
}

function list<T>(value: readonly T[], what: string): readonly T[] {
  if (!Array.isArray(value)) throw invalidArgument(what, 'an array')
  checkCount(value, what)
  for (const item of value) checkObject(item, `each of ${what}`)
  return value
}

function expectations(
  expect: NonNullable<AppendOptions['expect']>,
  stream: string | undefined,
): ReadonlyMap<string, Seq> {
  if (typeof expect === 'object' && expect !== null) {
    return new Map(
      Object.entries(expect).map(([name, expected]) => {
        checkStreamName(name)
        return [name, expectedSeq(expected)]
      }),
    )
  }
  if (stream === undefined) {
    throw invalidArgument('expect', 'given per stream, as { [stream]: seq }', 'These events name their streams.')
  }
  return new Map<string, Seq>().set(stream, expectedSeq(expect))
}

function expectedSeq(expected: Expectation): Seq {
  return expected === 'none' ? 0 : checkWhole(expected, "expect, if not 'none',")
}

function agendaChange({ id, due, data }: AgendaInput, codec: PayloadCodec): AgendaChange {
  checkName(id, 'agenda id')
  const dueMs = due instanceof Date ? due.getTime() : due
  const dueAt = dueMs === null ? null : checkWhole(dueMs, 'due')
  if (data === undefined) return { id, due: dueAt }
  const { text, blobs } = codec.encode(data, 'data')
  checkPayloadBytes('agenda item', id, text)
  if (blobs.length > 0) {
    throw new HoldfastError('NOT_STORABLE', `the data of agenda item ${JSON.stringify(id)} names a blob`, {
      hint: 'Only events keep blobs: name the blob in an event, and the event in the agenda.',
      details: { id },
    })
  }
  return { id, due: dueAt, data: text }
}

function leaseChange(change: LeaseInput): LeaseChange {
  const { lease } = change
  checkName(lease, 'lease')
  if ('acquire' in change) {
    checkName(change.acquire, 'lease owner')
    return { lease, op: 'acquire', owner: change.acquire, ttlMs: parseDuration(change.ttl, 'ttl') }
  }
  if ('renew' in change) {
    return { lease, op: 'renew', token: checkWhole(change.renew, 'renew'), ttlMs: parseDuration(change.ttl, 'ttl') }
  }
  if ('release' in change) return { lease, op: 'release', token: checkWhole(change.release, 'release') }
  throw invalidArgument('a lease change', 'one of acquire, renew and release')
}

function fenceCheck(fence: Fence): FenceCheck {
  checkObject(fence, 'fence')
  checkName(fence.lease, 'lease')
  return { lease: fence.lease, token: checkWhole(fence.token, 'token') }
}

function pinChange({ pin, stream, from, ttl }: PinInput): PinChange {
  checkName(pin, 'pin')
  if (stream !== undefined) checkStreamName(stream)
  return {
    pin,
    ...(stream === undefined ? {} : { stream }),
    from: from === null ? null : checkWhole(from, 'from'),
    ...(ttl === undefined ? {} : { ttlMs: parseDuration(ttl, 'ttl') }),
  }
}

function releaseOf({ stream, through }: Release): Release {
  checkStreamName(stream)
  return through === undefined ? { stream } : { stream, through: checkWhole(through, 'through') }
}
