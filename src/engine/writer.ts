// The one ordered writer. Appends are judged and numbered in the order of their calls, laid out in a group while the
// group before is on its way to the disk, and told when their group is durable. What it keeps:
//
//   order        numbers are given in the order of calls, and the log is written in the order of numbers
//   durability   a promise resolves only after the write that holds it was synced and the fence was looked at (G1, G7)
//   fail-stop    after the first failure nothing is acknowledged any more (G6); what was pending is indeterminate
//   witness      a group is written only when all earlier ones are synced, which its first line says (FORMAT.md, 3)
//   one segment  an append is laid out only when it is certain which segment it goes to: none while a rotation is due

import type { Control } from '../core/control.ts'
import { type Decision, decide } from '../core/decide.ts'
import type { DecisionView } from '../core/decision-view.ts'
import type { Position, TimeMs } from '../core/numbers.ts'
import { writeFully } from '../disks/whole-io.ts'
import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Batch, Receipt } from '../stores/store.ts'
import type { ActiveSegment } from './active-segment.ts'
import { type AppendHost, AppendTask, decisionView, type Task } from './append-task.ts'
import { ClaimSearch } from './claim-search.ts'
import type { DurablePlace } from './durable-mark.ts'
import { failureOf, indeterminate, latched, superseded } from './failure.ts'
import type { Group, Outcome } from './group.ts'
import { fencePath } from './layout.ts'
import { type Restless, RestTimer } from './rest-timer.ts'
import { Rotation } from './rotation.ts'
import { Staging } from './staging.ts'
import type { State } from './state.ts'
import { TaskQueue } from './task-queue.ts'
import { UpkeepTurns } from './upkeep-turn.ts'
import { Waiters } from './waiters.ts'
import type { WriterParts } from './writer-parts.ts'

export class Writer implements AppendHost, Restless {
  readonly #parts: WriterParts
  readonly #staging: Staging
  readonly #queue: TaskQueue
  readonly #rotation: Rotation
  readonly #rest: RestTimer
  readonly #nextFence: string
  readonly #view: DecisionView
  readonly state: State
  readonly claims: ClaimSearch
  /** The write loop runs: it writes, rotates or lays out what waited. */
  #isWriting = false
  #isScheduled = false
  #failure: HoldfastError | undefined
  #durable: Position
  /** Whether all that is durable is below a witness: recovery saw to it for what was there before. */
  #witnessed = true
  /** Counts writes to the segments. */
  writes = 0
  readonly #idleWaiters: Waiters = new Waiters()
  readonly #turns: UpkeepTurns = new UpkeepTurns(() => this.#failure === undefined && this.hasPending)

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.state = parts.state
    this.#staging = new Staging(parts.state, parts.active)
    this.#rotation = new Rotation(parts, this.#staging)
    this.#queue = new TaskQueue({
      canLayOut: () => this.#canLayOut(),
      failed: (error) => this.#fail(error),
      paused: () => (this.#failure === undefined ? this.#idleWaiters.tell() : this.#queue.refuseAll(this.#failure)),
    })
    this.#rest = new RestTimer(parts.clock, this)
    this.#durable = parts.state.scalars.position
    this.#nextFence = fencePath(parts.fence + 1)
    this.claims = new ClaimSearch(parts.state)
    this.#view = decisionView(parts.state, this.claims, parts.blobs)
  }

  get active(): ActiveSegment {
    return this.#staging.active
  }

  get durablePosition(): Position {
    return this.#durable
  }

  get failure(): HoldfastError | undefined {
    return this.#failure
  }

  /** Whether state in memory is ahead of the disk. */
  get hasPending(): boolean {
    return this.#isWriting || this.#isScheduled || !this.#staging.isEmpty
  }

  get wantsWitness(): boolean {
    return this.#failure === undefined && !this.#witnessed
  }

  append(batch: Batch): Promise<Receipt> {
    return new Promise((resolve, reject) => this.#take(new AppendTask(this, batch, resolve, reject)))
  }

  /** Appends control records of the engine's own: made when their turn comes, so that they can say what holds then. */
  control(make: (time: TimeMs) => readonly Control[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const stage = (): void => {
        const time = this.now()
        this.#staging.layOut({ time, controls: make(time), events: [] })
        this.#settleWithNext({ done: resolve, failed: reject })
      }
      this.#take({ bytes: 0, missing: () => undefined, stage, refuse: reject })
    })
  }

  #take(task: Task): void {
    if (this.#failure === undefined) this.#queue.take(task)
    else task.refuse(latched(this.#failure))
  }

  /** Seals the active segment although it isn't full, so that retention can rewrite it. */
  async rotateNow(): Promise<void> {
    this.#rotation.want()
    await this.witness()
    await this.settled()
  }

  /** Writes a line whose being there says that all before it is durable. */
  witness(): Promise<void> {
    return this.control((time) => [{ control: 'witness', time }])
  }

  /** Readers in other processes can know of all that is durable. */
  shown(): Promise<void> {
    return this.#parts.mark.shown()
  }

  /** Resolves when all that was appended before is durable, whatever comes meanwhile; rejects when the writer has failed. */
  async settled(): Promise<void> {
    if (this.#failure === undefined && this.#hasWork) {
      await new Promise<void>((done) => {
        const stage = (): void => this.#settleWithNext({ done, failed: () => done() })
        this.#queue.takeAlways({ bytes: 0, missing: () => undefined, stage, refuse: () => done() })
      })
    }
    if (this.#failure !== undefined) throw latched(this.#failure)
  }

  /** For work that can wait. */
  turn(): Promise<void> {
    return this.#turns.given()
  }

  /** Nothing is queued or on its way any more: with appends that never cease, it never comes to that. */
  async #idle(): Promise<void> {
    while (this.#failure === undefined && this.#hasWork) await this.#idleWaiters.next()
    if (this.#failure !== undefined) throw latched(this.#failure)
  }

  get #hasWork(): boolean {
    return this.hasPending || !this.#queue.isEmpty
  }

  /** Everything durable, and a witness above it. The writer must not be used afterwards. */
  async close(): Promise<void> {
    this.#rest.cancel()
    try {
      if (this.#failure === undefined) {
        await this.#idle()
        // Sealed now, it need not be read at the next opening.
        if (this.active.bytes >= limits.sealAtCloseBytes) this.#rotation.want()
        if (this.#rotation.isWanted || !this.#witnessed) await this.witness()
        await this.#idle()
        await this.#parts.mark.settle(this.#durablePlace())
      }
    } finally {
      this.#rest.cancel()
      this.#failure ??= new HoldfastError('CLOSED', 'the journal is closed')
      await this.#parts.mark.close()
      await this.active.file.close()
    }
  }

  // Judging and laying out, in the order of calls.

  #canLayOut(): boolean {
    return this.#failure === undefined && !this.#rotation.isDue && this.#staging.hasRoom(this.#parts.segmentBytes)
  }

  now(): TimeMs {
    return Math.max(this.#parts.clock.now(), this.state.scalars.time)
  }

  /** Judges a batch and lays it out. Returns what to tell when the group is durable. */
  judge(batch: Batch): Decision {
    const decision = decide(batch, this.#view, this.#parts.clock.now())
    if (decision.kind === 'commit') {
      this.#staging.layOut(decision)
      this.#schedule()
    }
    return decision
  }

  settleLater(outcome: Outcome): void {
    this.#staging.settleLater(outcome)
  }

  #settleWithNext(outcome: Outcome): void {
    this.#staging.settleWithNext(outcome)
    this.#schedule()
  }

  releaseBlobs(digests: readonly string[]): void {
    this.#parts.blobs.settled(digests)
  }

  // Writing: one group at a time.

  /** After all callbacks that are ready have run: whoever appends in reaction to the same event shares the write. */
  #schedule(): void {
    if (this.#isScheduled || this.#isWriting) return
    this.#isScheduled = true
    process.nextTick(() => {
      this.#isScheduled = false
      void this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    try {
      while (!this.#staging.isEmpty && this.#failure === undefined) {
        await this.#write(this.#staging.begin())
        if (this.#rotation.isDue || this.#queue.isResting) this.#parts.mark.publishHeld() // the next group may be long in coming
        if (this.#rotation.isDue) await this.#rotate()
        if (this.#queue.isResting) await this.#queue.pump()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isWriting = false
    }
    this.#pauseLater()
    if (this.#failure === undefined) {
      if (!this.#witnessed) this.#rest.start()
      this.#idleWaiters.tell()
    }
  }

  /** When those who were just told append on in this turn of the event loop or at the end of it, as a run does, their
   * group goes first: while it is on its way, readers are shown this one, and the upkeep has its turn. */
  #pauseLater(): void {
    const pause = (): void => {
      if (this.hasPending) return
      this.#parts.mark.publishHeld()
      this.#turns.tell()
    }
    setImmediate(() => setImmediate(pause))
  }

  async #write(group: Group): Promise<void> {
    const { active } = this
    const { bytes } = group
    if (bytes.length > 0) {
      this.#rotation.lookAhead(bytes.length)
      const written = writeFully(active.file, bytes, active.bytes)
      // While the disk works.
      active.digest(bytes)
      this.#parts.mark.publishPaced(this.#parts.clock.now())
      this.#turns.tell()
      await written
      if (this.#parts.disk.existsNow(this.#nextFence)) throw superseded(this.#parts.disk)
      active.bytes += bytes.length
      this.#durable = group.position
      this.writes++
      this.#witnessed = group.isWitness
      this.#parts.mark.offer(this.#durablePlace())
    }
    for (const outcome of this.#staging.arrived()) outcome.done()
    this.#parts.events.durable()
  }

  #durablePlace(): DurablePlace {
    return { segment: this.active.name, bytes: this.active.bytes, position: this.#durable }
  }

  async #rotate(): Promise<void> {
    await this.#rotation.run(this.now())
    this.#witnessed = true
    this.#parts.mark.publish(this.#durablePlace())
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    const failure = failureOf(error, this.#parts.disk)
    this.#failure = failure
    const unknown = indeterminate(failure)
    for (const outcome of this.#staging.abandon()) outcome.failed(unknown)
    this.#queue.refuseAll(failure)
    this.#idleWaiters.tell()
    this.#turns.tell()
    this.#parts.events.failed(failure)
  }
}
