// One append on its way through the writer: what must be in memory before it can be judged, its judgement, and whom to
// tell when what it was judged against is durable.

import type { BlobControl } from '../core/control.ts'
import type { Decision } from '../core/decide.ts'
import type { DecisionView } from '../core/decision-view.ts'
import { leaseFloorName } from '../core/lease-floor.ts'
import type { TimeMs } from '../core/numbers.ts'
import { HoldfastError, never } from '../errors.ts'
import type { Batch, LeaseState, Receipt } from '../stores/store.ts'
import type { ClaimSearch } from './claim-search.ts'
import type { Outcome } from './group.ts'
import type { State } from './state.ts'
import { stateKeys } from './state-keys.ts'

/** Something that waits for its turn to be laid out. */
export interface Task {
  readonly bytes: number
  /** Loads of what must be in memory first; undefined when it is. */
  missing(): readonly Promise<unknown>[] | undefined
  stage(): void
  refuse(error: Error): void
}

/** Blobs that were staged but are not in the journal yet. */
export interface BlobStaging {
  staged(digest: string): BlobControl | undefined
  /** An append that names these took effect. */
  settled(digests: readonly string[]): void
}

/** What an append needs of the writer. */
export interface AppendHost {
  readonly state: State
  readonly claims: ClaimSearch
  /** The journal's own time. */
  now(): TimeMs
  /** Judges a batch and lays it out when it is to be committed. */
  judge(batch: Batch): Decision
  settleLater(outcome: Outcome): void
  releaseBlobs(digests: readonly string[]): void
}

/** One append on its way through the writer: the task, and when it was judged, the outcome. */
export class AppendTask implements Task, Outcome {
  readonly bytes: number
  readonly #writer: AppendHost
  readonly #resolve: (receipt: Receipt) => void
  readonly #reject: (error: Error) => void
  /** Until it is judged. What waits for the disk holds on to no payloads: they stand in the group already, and the
   * collector would have to carry the texts of all callers along. */
  #batch: Batch | undefined
  #told: Receipt | HoldfastError | undefined
  #blobs: readonly string[] = noDigests
  /** It stands at the head of the queue and waits for loads. */
  #holdsState = false

  constructor(writer: AppendHost, batch: Batch, resolve: (receipt: Receipt) => void, reject: (error: Error) => void) {
    this.#writer = writer
    this.#batch = batch
    this.#resolve = resolve
    this.#reject = reject
    let bytes = 0
    for (const event of batch.events) bytes += event.data.length
    this.bytes = bytes
  }

  missing(): readonly Promise<unknown>[] | undefined {
    const { claims, state } = this.#writer
    const batch = this.#unjudged()
    const missing =
      batch.claim === undefined ? missingFor(batch, state) : claims.missing(batch.claim, this.#writer.now())
    if (missing !== undefined) {
      this.#holdsState = true
      state.hold(true)
    }
    return missing
  }

  /** What was refused may be tried again: its blobs stay staged. */
  refuse(error: Error): void {
    this.#letGoOfState()
    this.#reject(error)
  }

  stage(): void {
    const batch = this.#unjudged()
    const decision = this.#writer.judge(batch)
    this.#batch = undefined
    this.#letGoOfState()
    this.#blobs = namedBlobs(batch)
    this.#told = decision.kind === 'refused' ? decision.error : decision.receipt
    if (decision.kind === 'commit' && batch.durability === 'eventual') this.#resolve(decision.receipt)
    this.#writer.settleLater(this)
  }

  #letGoOfState(): void {
    if (!this.#holdsState) return
    this.#holdsState = false
    this.#writer.state.hold(false)
  }

  #unjudged(): Batch {
    return this.#batch ?? never('an append is judged once')
  }

  done(): void {
    const told = this.#told ?? never('an append is judged before it is told')
    if (told instanceof HoldfastError) {
      this.refuse(told)
    } else {
      if (this.#blobs.length > 0) this.#writer.releaseBlobs(this.#blobs)
      this.#resolve(told)
    }
  }

  failed(error: Error): void {
    this.refuse(error)
  }
}

const noDigests: readonly string[] = Object.freeze([])

/** For the whole batch at once: an append ends one claim on each blob, however many of its events name it. */
function namedBlobs(batch: Batch): readonly string[] {
  let named: string[] | undefined
  for (const { blobs } of batch.events) {
    if (blobs === undefined || blobs.length === 0) continue
    named ??= []
    named.push(...blobs)
  }
  return named ?? noDigests
}

/** Loads for what the batch mentions and memory doesn't hold; undefined when it holds everything. */
function missingFor(batch: Batch, state: State): readonly Promise<unknown>[] | undefined {
  const loads = new Loads(state)
  for (const event of batch.events) {
    loads.head(event.stream)
    if (event.blobs !== undefined) for (const digest of event.blobs) loads.entry(stateKeys.blob(digest))
  }
  if (batch.expect !== undefined) for (const stream of batch.expect.keys()) loads.head(stream)
  if (batch.command !== undefined) loads.entry(stateKeys.command(batch.command.id))
  if (batch.agenda !== undefined) for (const { id } of batch.agenda) loads.entry(stateKeys.agenda(id))
  if (batch.leases !== undefined) {
    loads.entry(stateKeys.lease(leaseFloorName))
    for (const { lease } of batch.leases) loads.entry(stateKeys.lease(lease))
  }
  if (batch.fences !== undefined) for (const { lease } of batch.fences) loads.entry(stateKeys.lease(lease))
  if (batch.releases !== undefined) {
    for (const { stream } of batch.releases) {
      loads.head(stream)
      loads.entry(stateKeys.released(stream))
    }
  }
  return loads.started
}

class Loads {
  readonly #state: State
  started: Promise<unknown>[] | undefined

  constructor(state: State) {
    this.#state = state
  }

  head(stream: string): void {
    if (this.#state.head(stream) === undefined) this.#start(this.#state.loadHead(stream))
  }

  entry(key: string): void {
    if (this.#state.entry(key) === undefined) this.#start(this.#state.loadEntry(key))
  }

  #start(load: Promise<unknown>): void {
    this.started ??= []
    this.started.push(load)
  }
}

export function decisionView(state: State, claims: ClaimSearch, blobs: BlobStaging): DecisionView {
  return {
    get position() {
      return state.scalars.position
    },
    get time() {
      return state.scalars.time
    },
    lastSeq: (stream) => state.head(stream)?.seq ?? 0,
    command: (id) => state.command(id) ?? undefined,
    lease: (name) => state.entry<LeaseState>(stateKeys.lease(name)) ?? undefined,
    releasedThrough: (stream) => state.entry<number>(stateKeys.released(stream)) ?? 0,
    hasBlob: (digest) => (state.entry(stateKeys.blob(digest)) ?? null) !== null,
    stagedBlob: (digest) => blobs.staged(digest),
    due: (claim) => claims.due(claim),
  }
}
