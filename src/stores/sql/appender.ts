// The way of an append: it queues, goes with all that wait into one transaction (a group), is judged there beside the
// others, and its caller is told when the transaction is committed. So many callers share one commit, and each still gets
// an answer of its own.
//
// Invariants: batches are judged in the order of the calls. Nobody is told anything before the commit: a refusal or a
// duplicate may have been judged against a neighbour that is not durable yet. After a commit whose end is not known, or a
// failed disk, nothing is acknowledged until the store is reopened.

import type { Decision } from '../../core/decide.ts'
import { indeterminate, latched } from '../../engine/failure.ts'
import { HoldfastError } from '../../errors.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import { limits } from '../../limits.ts'
import type { Batch, Receipt } from '../store.ts'
import type { Turns } from '../turns.ts'
import { type SqlBackend, SqlFailure } from './backend.ts'
import { mustStay } from './copy-marks.ts'
import { Judging } from './judging.ts'
import { nextTurn } from './next-turn.ts'
import { toldError, withPatience } from './retry.ts'
import type { HeadRow } from './rows.ts'
import type { StagedBlobs } from './staged-blobs.ts'
import { wantedBy } from './wanted.ts'

/** Batches in one transaction. */
const groupBatchesMax = 4_096
/** After how long an `eventual` append becomes durable by itself. */
const flushAfterMs = 10

interface Task {
  readonly batch: Batch
  readonly bytes: number
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: unknown) => void
}

export interface AppenderParts {
  readonly backend: SqlBackend
  readonly clock: Clock
  /** One after another: groups, pieces of upkeep, staging. */
  readonly writing: Turns
  readonly blobs: StagedBlobs
  /** The head as committed. */
  readonly committed: (head: HeadRow) => void
  readonly failed: () => void
}

export class Appender {
  readonly #parts: AppenderParts
  #tasks: Task[] = []
  #bytes = 0
  #running: Promise<void> | undefined
  #flushing: Timer | undefined
  #isClosing = false
  /** Why nothing is written until the store is reopened. */
  #failure: HoldfastError | undefined

  constructor(parts: AppenderParts) {
    this.#parts = parts
  }

  get failure(): HoldfastError | undefined {
    return this.#failure
  }

  append(batch: Batch): Promise<Receipt> {
    if (this.#failure !== undefined) return Promise.reject(latched(this.#failure))
    let bytes = 0
    for (const event of batch.events) bytes += event.data.length
    if (this.#tasks.length >= limits.queueWaitersMax || this.#bytes >= limits.queueBytesMax) {
      return Promise.reject(queueFull(this.#tasks.length, this.#bytes))
    }
    return new Promise((resolve, reject) => {
      this.#tasks.push({ batch, bytes, resolve, reject })
      this.#bytes += bytes
      this.#running ??= this.#run()
    })
  }

  /** All that was appended before has been told. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Makes durable what is committed. */
  async flush(): Promise<void> {
    await this.settled()
    this.mustBeSound()
    await this.write((backend) => backend.flush().then((head) => this.#parts.committed(head)))
  }

  mustBeSound(): void {
    if (this.#failure !== undefined) throw latched(this.#failure)
  }

  /** Anything else that writes: in its turn, tried again where that is safe, and held against the latch like a group. */
  write<T>(work: (backend: SqlBackend) => Promise<T>): Promise<T> {
    const { backend, clock, writing } = this.#parts
    return writing.take(async () => {
      this.mustBeSound()
      try {
        return await withPatience(
          clock,
          () => work(backend),
          () => false,
        )
      } catch (error) {
        this.#latchBy(error)
        throw toldError(error)
      }
    })
  }

  /** Nothing is flushed by itself any more: who closes does it. */
  close(): void {
    this.#isClosing = true
    this.#flushing?.cancel()
    this.#flushing = undefined
  }

  /** After a failure, once the backend is sound again. */
  recovered(): void {
    this.#failure = undefined
  }

  async #run(): Promise<void> {
    // Callers that append in this turn of the event loop, or in answer to the group before, share a group.
    for (await nextTurn(); this.#tasks.length > 0; await nextTurn()) {
      const group = this.#takeGroup()
      await this.#parts.writing.take(() => this.#commit(group))
    }
    this.#running = undefined
  }

  #takeGroup(): readonly Task[] {
    let bytes = 0
    let count = 0
    for (const task of this.#tasks) {
      if (count === groupBatchesMax || (count > 0 && bytes + task.bytes > limits.groupBytesMax)) break
      bytes += task.bytes
      count++
    }
    this.#bytes -= bytes
    return this.#tasks.splice(0, count)
  }

  async #commit(tasks: readonly Task[]): Promise<void> {
    try {
      this.mustBeSound()
      const { head, told, undurable } = await withPatience(
        this.#parts.clock,
        () => this.#attempt(tasks),
        () => false,
      )
      this.#parts.blobs.settle(told)
      this.#parts.committed(head)
      if (undurable) this.#flushSoon()
      for (const { task, outcome } of told) {
        if (outcome.kind === 'refused') task.reject(outcome.error)
        else task.resolve(outcome.receipt)
      }
    } catch (error) {
      const told = this.#latchBy(error) ?? toldError(error)
      for (const task of tasks) task.reject(told)
    }
  }

  async #attempt(tasks: readonly Task[]): Promise<Attempt> {
    const { backend, clock, blobs } = this.#parts
    const batches = tasks.map(({ batch }) => batch)
    const group = await backend.begin(wantedBy(batches, clock.now()))
    let judged: Omit<Attempt, 'head'> & { readonly judging: Judging }
    try {
      mustStay(group.found.head, backend.label)
      const judging = new Judging(group.found, blobs)
      const told = tasks.map((task) => ({ task, batch: task.batch, outcome: judging.judge(task.batch, clock.now()) }))
      judged = { judging, told, undurable: told.every(isUndurable) }
    } catch (error) {
      await group.rollback()
      throw error
    }
    const { judging, told, undurable } = judged
    const write = judging.write({ sync: !undurable, claimsEnded: blobs.ending(told) })
    if (write === undefined) await group.rollback()
    else await group.commit(write)
    return { told, undurable, head: judging.headAfter(write) }
  }

  /** What those are told whose group may have been committed; undefined when it certainly was not. */
  #latchBy(error: unknown): HoldfastError | undefined {
    if (!(error instanceof SqlFailure)) return undefined
    const { facts, error: failure } = error
    if (facts.latches || facts.outcome === 'unknown') {
      this.#failure ??= failure
      this.#parts.failed()
    }
    return facts.outcome === 'unknown' ? indeterminate(failure) : undefined
  }

  #flushSoon(): void {
    if (this.#isClosing) return
    this.#flushing ??= this.#parts.clock.after(flushAfterMs, () => {
      this.#flushing = undefined
      // What goes wrong latches, and is told to the next who asks.
      this.flush().catch(() => undefined)
    })
  }
}

interface Attempt {
  readonly told: readonly { readonly task: Task; readonly batch: Batch; readonly outcome: Decision }[]
  /** Nobody asked for more than being numbered. */
  readonly undurable: boolean
  readonly head: HeadRow
}

/** A duplicate or a refusal was judged against what is there, and is told only when that is durable. */
function isUndurable({ batch, outcome }: { readonly batch: Batch; readonly outcome: Decision }): boolean {
  return outcome.kind === 'commit' && batch.durability === 'eventual'
}

function queueFull(count: number, bytes: number): HoldfastError {
  return new HoldfastError('QUEUE_FULL', `${count} appends with ${bytes} bytes are waiting`, {
    hint: 'Await appends before making more, or append more events per call.',
  })
}
