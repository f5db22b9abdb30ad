// How a run comes into the hands of this process: it is created, or its lease is taken, once nobody else drives it; or it is
// found to have ended.
//
// Invariant: what it gives to be driven is driven under a lease of this process.

import { isHoldfastError } from '../errors.ts'
import type { Fence } from '../journal/append-options.ts'
import { checkSameInput } from './input-check.ts'
import { agendaIdOf, inlineName, type RunCreated, type RunEvent, runEvents, streamOf } from './run-event.ts'
import { closed, owned, type RunGround } from './run-ground.ts'
import { createdWith, type RunOptions } from './run-options.ts'
import { type RunOpening, type RunRecord, readOpening, resultOf } from './run-record.ts'

export interface Begun {
  readonly is: 'begun'
  readonly record: RunRecord
  readonly fence: Fence
  /** What its entry of the agenda is known to say. */
  readonly entry: 'running' | undefined
  /** All that its stream had behind its first event when the lease was taken, where that is known. */
  readonly behind: readonly RunEvent[] | undefined
}

export type Taken = Begun | { readonly is: 'over'; readonly value: () => unknown }

export interface TakingTerms {
  readonly id: string
  readonly options: RunOptions
  /** Its lease was taken with a claim. */
  readonly claimed: Fence | undefined
  /** Somebody else drives it, and that is waited for from now on. */
  readonly waits: () => void
}

/** Past its time by another clock than this: looked at again after so long. */
const leaseLookMs = 10
/** Of a lease whose owner's death can be proven here: how often it is looked at. */
const ownerLookMs = 1_000

/** Rejects with RUN_OWNED, RUN_CONFLICT and CLOSED. */
export async function takeRun(ground: RunGround, terms: TakingTerms): Promise<Taken> {
  const { journal, leases } = ground
  const { id, options, claimed } = terms
  for (;;) {
    if (ground.isClosed) throw closed()
    const opening = await open(ground, terms)
    if (opening === undefined && claimed !== undefined) {
      // There is something on the agenda that is no run.
      await leases.giveUp(claimed)
      return { is: 'over', value: () => undefined }
    }
    if (opening === undefined) {
      const begun = await create(ground, terms)
      if (begun !== undefined) return begun
      continue
    }
    const { record, ending } = opening
    checkSameInput({ journal, stream: streamOf(id), id }, record.created, options.input)
    if (ending !== undefined) {
      if (claimed !== undefined) await leases.giveUp(claimed)
      return { is: 'over', value: () => resultOf(id, ending) }
    }
    if (claimed !== undefined) return { is: 'begun', record, fence: claimed, entry: undefined, behind: opening.behind }
    const fence = await acquire(ground, record, terms)
    if (fence === undefined) continue
    return { is: 'begun', record, fence, entry: undefined, behind: await stillAll(ground, id, opening.behind) }
  }
}

/** What was read before the lease was taken, if it is all that there is now that nobody else can drive the run on. */
async function stillAll(
  { journal }: RunGround,
  id: string,
  behind: readonly RunEvent[] | undefined,
): Promise<readonly RunEvent[] | undefined> {
  if (behind === undefined) return undefined
  const { seq } = await journal.head(streamOf(id))
  return seq === behind.length + 1 ? behind : undefined
}

/** Undefined when there is no such run: of most that are not there, no more is asked for than the head of their stream. */
async function open({ journal }: RunGround, { id, claimed }: TakingTerms): Promise<RunOpening | undefined> {
  if (claimed === undefined && (await journal.head(streamOf(id))).seq === 0) return undefined
  return readOpening(journal, id)
}

/** Undefined when somebody else has created it meanwhile. */
async function create({ journal, host, leases }: RunGround, { id, options }: TakingTerms): Promise<Begun | undefined> {
  const created = createdWith(inlineName, options, host.random.hex(16))
  const lease = agendaIdOf(inlineName, id)
  const prepared = journal.prepare(
    streamOf(id),
    { type: runEvents.created, data: created },
    {
      expect: 'none',
      agenda: [{ id: lease, due: host.clock.now(), data: { state: 'running' } }],
      leases: [{ lease, acquire: leases.owner, ttl: leases.ttlMs }],
    },
  )
  try {
    const receipt = await prepared.append()
    const token = receipt.leases[0]?.token ?? 0
    // The function is called with what a replay will call it with.
    const record = { id, created: prepared.data(0) as RunCreated, createdAt: host.clock.now() }
    return { is: 'begun', record, fence: { lease, token }, entry: 'running', behind: [] }
  } catch (error) {
    if (isHoldfastError(error, 'SEQ_CONFLICT')) return undefined
    throw error
  }
}

/** The lease of a run that is there. Undefined when there is something new to look at. */
async function acquire(
  ground: RunGround,
  { created }: RunRecord,
  { id, options, waits }: TakingTerms,
): Promise<Fence | undefined> {
  const lease = agendaIdOf(created.name, id)
  try {
    return await ground.leases.acquire(lease)
  } catch (error) {
    if (!isHoldfastError(error, 'LEASE_HELD')) throw error
    if (options.ifOwned !== 'wait') throw owned(id, error)
    waits()
    await untilFree(ground, id, lease)
    return undefined
  }
}

/** Until the run may have ended, or its lease is past its time; where its owner's death would be seen, no longer than a look
 * takes. */
async function untilFree({ journal, host, ends, leases }: RunGround, id: string, lease: string): Promise<void> {
  const held = await journal.leases.get(lease)
  if (held?.held !== true) return
  const endsMs = Math.max(leaseLookMs, held.until - host.clock.now())
  const leftMs = leases.isSeen(held.owner) ? Math.min(endsMs, ownerLookMs) : endsMs
  await new Promise<void>((resolve) => {
    const look = (): void => {
      timer.cancel()
      unwatch()
      resolve()
    }
    const timer = host.clock.after(leftMs, look)
    const unwatch = ends.watch(id, look)
  })
}
