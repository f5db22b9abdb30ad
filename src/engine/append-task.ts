// One append on its way through the writer: what must be in memory before it can be judged, its judgement, and whom to
// tell when what it was judged against is durable.

import type { BlobControl } from '../core/control.ts'
import type { Decision, DecisionView } from '../core/decide.ts'
import type { Batch, LeaseState, Receipt } from '../stores/store.ts'
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
  /** Judges a batch and lays it out when it is to be committed. */
  judge(batch: Batch): Decision
  settleLater(outcome: Outcome): void
  releaseBlobs(digests: readonly string[]): void
}

/** One append on its way through the writer. */
export class AppendTask implements Task {
  readonly bytes: number
  readonly #writer: AppendHost
  readonly #batch: Batch
  readonly #resolve: (receipt: Receipt) => void
  readonly #reject: (error: Error) => void

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
    return missingFor(this.#batch, this.#writer.state)
  }

  /** What was refused may be tried again: its blobs stay staged. */
  refuse(error: Error): void {
    this.#reject(error)
  }

  stage(): void {
    const decision = this.#writer.judge(this.#batch)
    if (decision.kind === 'commit' && this.#batch.durability === 'eventual') this.#resolve(decision.receipt)
    this.#writer.settleLater({
      done: () => {
        if (decision.kind === 'refused') return this.refuse(decision.error)
        this.#releaseBlobs()
        this.#resolve(decision.receipt)
      },
      failed: (error) => this.refuse(error),
    })
  }

  /** Once for the whole batch: it ends one claim on each blob, however many of its events name it. */
  #releaseBlobs(): void {
    let named: string[] | undefined
    for (const { blobs } of this.#batch.events) {
      if (blobs === undefined || blobs.length === 0) continue
      named ??= []
      named.push(...blobs)
    }
    if (named !== undefined) this.#writer.releaseBlobs(named)
  }
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
  for (const change of batch.agenda ?? nothing) loads.entry(stateKeys.agenda(change.id))
  for (const change of batch.leases ?? nothing) loads.entry(stateKeys.lease(change.lease))
  for (const fence of batch.fences ?? nothing) loads.entry(stateKeys.lease(fence.lease))
  for (const release of batch.releases ?? nothing) {
    loads.head(release.stream)
    loads.entry(stateKeys.released(release.stream))
  }
  return loads.started
}

const nothing: readonly never[] = Object.freeze([])

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

export function decisionView(state: State, blobs: BlobStaging): DecisionView {
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
  }
}
