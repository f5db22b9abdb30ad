// The one ordered writer. Appends are judged and numbered in the order of their calls, laid out in a group while the
// group before is on its way to the disk, and told when their group is durable. What it keeps:
//
//   order        numbers are given in the order of calls, and the log is written in the order of numbers
//   durability   a promise resolves only after the write that holds it was synced and the fence was looked at (G1, G7)
//   fail-stop    after the first failure nothing is acknowledged any more (G6); what was pending is indeterminate
//   witness      a group is written only when all earlier ones are synced, which its first line says (FORMAT.md, 3)
//   one segment  an append is laid out only when it is certain which segment it goes to: none while a rotation is due

import type { Control } from '../core/control.ts'
import { type Decision, type DecisionView, decide, type PlacedEvent } from '../core/decide.ts'
import type { Position, TimeMs } from '../core/numbers.ts'
import { controlBody, encodeEventTail, eventBody } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { assert, HoldfastError } from '../errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { limits } from '../limits.ts'
import type { Batch, Receipt } from '../stores/store.ts'
import { ActiveSegment } from './active-segment.ts'
import { type AppendHost, AppendTask, type BlobStaging, decisionView, type Task } from './append-task.ts'
import type { DurableMark } from './durable-mark.ts'
import { failureOf, superseded } from './failure.ts'
import { Group, type Outcome } from './group.ts'
import { fencePath, nextSegmentName } from './layout.ts'
import { previousSegment } from './replay.ts'
import type { State } from './state.ts'

import { writeFully } from '../disks/whole-io.ts'

/** What is told to the store that owns the writer. */
export interface WriterEvents {
  /** The durable position or the durable state rose. */
  durable(): void
  /** Awaited before a segment is sealed. */
  beforeSeal(): Promise<void>
  /** `old` is sealed and everything in it is durable; appends now go to `next`. */
  sealed(old: ActiveSegment, next: ActiveSegment): void
  failed(error: HoldfastError): void
}

export interface WriterParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly state: State
  readonly active: ActiveSegment
  readonly mark: DurableMark
  readonly blobs: BlobStaging
  readonly fence: number
  readonly journal: string
  readonly epoch: string
  readonly segmentBytes: number
  readonly events: WriterEvents
}

const restMs = 20

export class Writer implements AppendHost {
  readonly #parts: WriterParts
  readonly #state: State
  #active: ActiveSegment
  #filling: Group = new Group()
  #inFlight: Group = new Group()
  /** The write loop runs: it writes, rotates or lays out what waited. */
  #isWriting = false
  /** `inFlight` is on its way to the disk. */
  #isInFlight = false
  #isScheduled = false
  /** A rotation is due when what is in flight is durable: nothing is laid out until it is done. */
  #rotationDue = false
  #rotationWanted = false
  readonly #queue: Task[] = []
  #queuedBytes = 0
  #isPumping = false
  #failure: HoldfastError | undefined
  #durable: Position
  /** Whether all that is durable is below a witness. */
  #witnessed: boolean
  #writes = 0
  #restTimer: Timer | undefined
  readonly #idleWaiters: (() => void)[] = []
  readonly #nextFence: string
  readonly #view: DecisionView

  constructor(parts: WriterParts, options: { readonly witnessed: boolean }) {
    this.#parts = parts
    this.#state = parts.state
    this.#active = parts.active
    this.#durable = parts.state.scalars.position
    this.#witnessed = options.witnessed
    this.#nextFence = fencePath(parts.fence + 1)
    this.#view = decisionView(parts.state, parts.blobs)
    if (!this.#witnessed) this.#restLater()
  }

  get active(): ActiveSegment {
    return this.#active
  }

  get durablePosition(): Position {
    return this.#durable
  }

  get failure(): HoldfastError | undefined {
    return this.#failure
  }

  append(batch: Batch): Promise<Receipt> {
    return new Promise((resolve, reject) => this.#take(new AppendTask(this, batch, resolve, reject)))
  }

  /** Appends control records of the engine's own: made when their turn comes, so that they can say what holds then. */
  control(make: (time: TimeMs) => readonly Control[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#take({
        bytes: 0,
        missing: () => undefined,
        stage: () => {
          const time = this.#now()
          this.#layOut(make(time), [], time)
          this.#filling.outcomes.push({ done: resolve, failed: reject })
          this.#schedule()
        },
        refuse: reject,
      })
    })
  }

  /** Resolves when all that was appended before is durable, whatever comes meanwhile; rejects when the writer has failed. */
  async settled(): Promise<void> {
    if (this.#failure === undefined && (this.#isBusy || this.#queue.length > 0)) {
      await new Promise<void>((resolve) => this.#waitBehindAll(resolve))
    }
    if (this.#failure !== undefined) throw this.#latched()
  }

  /** Nothing is queued or on its way any more: with appends that never cease, it never comes to that. */
  async #idle(): Promise<void> {
    while (this.#failure === undefined && (this.#isBusy || this.#queue.length > 0)) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    }
    if (this.#failure !== undefined) throw this.#latched()
  }

  /** Calls back when all that is queued or laid out now is durable, or the writer has failed. */
  #waitBehindAll(resolve: () => void): void {
    const stage = (): void => {
      this.#filling.outcomes.push({ done: resolve, failed: resolve })
      this.#schedule()
    }
    if (this.#queue.length === 0 && this.#canLayOut()) stage()
    else this.#enqueue({ bytes: 0, missing: () => undefined, stage, refuse: resolve })
  }

  get #isBusy(): boolean {
    return this.#isWriting || this.#isScheduled || !this.#filling.isEmpty
  }

  /** Whether state in memory is ahead of the disk. */
  get hasPending(): boolean {
    return this.#isBusy
  }

  /** Everything durable, and a witness above it. The writer must not be used afterwards. */
  async close(): Promise<void> {
    this.#restTimer?.cancel()
    try {
      if (this.#failure === undefined) {
        await this.#idle()
        // Sealed now, it need not be read at the next opening.
        if (this.#active.bytes >= limits.sealAtCloseBytes) this.#rotationWanted = true
        if (this.#rotationWanted || !this.#witnessed) await this.#witness()
        await this.#idle()
        await this.#parts.mark.settle(this.#durablePlace())
      }
    } finally {
      this.#restTimer?.cancel()
      this.#failure ??= new HoldfastError('CLOSED', 'the journal is closed')
      await this.#parts.mark.close()
      await this.#active.file.close()
    }
  }

  // Queue: calls in order, each laid out when memory holds what it needs and the segment has room.

  #take(task: Task): void {
    if (this.#failure !== undefined) {
      task.refuse(this.#latched())
      return
    }
    if (this.#queue.length === 0 && this.#canLayOut()) {
      const missing = task.missing()
      if (missing === undefined) {
        task.stage()
        return
      }
      void Promise.allSettled(missing) // failures are met again when the task's turn comes
    }
    if (this.#queue.length >= limits.queueWaitersMax || this.#queuedBytes >= limits.queueBytesMax) {
      task.refuse(
        new HoldfastError('QUEUE_FULL', `${this.#queue.length} appends with ${this.#queuedBytes} bytes are waiting`, {
          hint: 'Await appends before making more, or append more events per call.',
        }),
      )
      return
    }
    this.#enqueue(task)
  }

  #enqueue(task: Task): void {
    this.#queue.push(task)
    this.#queuedBytes += task.bytes
    if (!this.#isPumping) void this.#pump()
  }

  #canLayOut(): boolean {
    if (this.#rotationDue || this.#filling.byteCount >= limits.groupBytesMax) return false
    // What doesn't fit any more waits for the next segment: only a single batch can make a segment longer.
    return this.#filling.isEmpty || this.#stagedEnd < this.#parts.segmentBytes
  }

  /** Length of the active segment once all that is laid out is written. */
  get #stagedEnd(): number {
    return this.#active.bytes + (this.#isInFlight ? this.#inFlight.byteCount : 0) + this.#filling.byteCount
  }

  async #pump(): Promise<void> {
    this.#isPumping = true
    let taken = 0
    try {
      while (taken < this.#queue.length && this.#failure === undefined && this.#canLayOut()) {
        const task = this.#queue[taken] as Task // below the length
        const missing = task.missing()
        if (missing !== undefined) {
          await Promise.all(missing)
          continue
        }
        taken++
        this.#queuedBytes -= task.bytes
        task.stage()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#queue.splice(0, taken)
      this.#isPumping = false
    }
    if (this.#failure !== undefined) this.#refuseQueue()
    else this.#tellIdle()
  }

  #refuseQueue(): void {
    this.#queuedBytes = 0
    for (const task of this.#queue.splice(0)) task.refuse(this.#latched())
  }

  // Laying out: numbers become lines, and the state follows at once, because the next append is judged by it.

  #now(): TimeMs {
    return Math.max(this.#parts.clock.now(), this.#state.scalars.time)
  }

  /** Judges a batch and lays it out. Returns what to tell when the group is durable. */
  judge(batch: Batch): Decision {
    const decision = decide(batch, this.#view, this.#parts.clock.now())
    if (decision.kind === 'commit') {
      this.#layOut(decision.controls, decision.events, decision.time)
      this.#schedule()
    }
    return decision
  }

  /** Tells an outcome when all that it was judged against is durable: at once when that is the case already. */
  settleLater(outcome: Outcome): void {
    if (!this.#filling.isEmpty) this.#filling.outcomes.push(outcome)
    else if (this.#isInFlight) this.#inFlight.outcomes.push(outcome)
    else outcome.done()
  }

  releaseBlobs(digests: readonly string[]): void {
    this.#parts.blobs.settled(digests)
  }

  get state(): State {
    return this.#state
  }

  #layOut(controls: readonly Control[], events: readonly PlacedEvent[], time: TimeMs): void {
    const active = this.#active
    const group = this.#filling
    const base = this.#stagedEnd - group.byteCount
    let left = controls.length + events.length
    for (const control of controls) {
      left--
      const offset = base + group.byteCount
      active.lastSum = group.add(controlBody(control, left > 0), active.lastSum)
      if (control.control === 'witness') group.witnesses++
      this.#state.apply(control, [active.number, offset])
    }
    for (const { event, stream, seq, position } of events) {
      left--
      const offset = base + group.byteCount
      const body = eventBody({ position, stream, seq, time }, encodeEventTail(event), left > 0)
      active.lastSum = group.add(body, active.lastSum)
      active.index.add({ stream, seq, position, offset }, previousSegment(this.#state, stream, active.number))
      const blobs = event.blobs ?? noDigests
      if (blobs.length > 0) active.index.addBlobs(blobs)
      this.#state.applyEvent({ stream, seq, position, time, segment: active.number, blobs })
    }
    group.position = this.#state.scalars.position
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
      while (!this.#filling.isEmpty && this.#failure === undefined) {
        const group = this.#filling
        this.#filling = this.#inFlight
        this.#inFlight = group
        await this.#write(group)
        if (this.#rotationDue) await this.#rotate()
        if (this.#queue.length > 0 && !this.#isPumping) await this.#pump()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isWriting = false
    }
    if (this.#failure === undefined) {
      if (!this.#witnessed) this.#restLater()
      this.#tellIdle()
    }
  }

  async #write(group: Group): Promise<void> {
    const active = this.#active
    const { bytes } = group
    if (bytes.length > 0) {
      this.#isInFlight = true
      this.#rotationDue = this.#rotationWanted || active.bytes + bytes.length >= this.#parts.segmentBytes
      const written = writeFully(active.file, bytes, active.bytes)
      active.digest(bytes) // while the disk works
      await written
      if (this.#parts.disk.existsNow(this.#nextFence)) throw superseded(this.#parts.disk)
      active.bytes += bytes.length
      this.#durable = group.position
      this.#writes++
      this.#witnessed = group.isWitness
      this.#parts.mark.publish(this.#durablePlace())
    }
    const outcomes = group.outcomes.slice()
    group.clear()
    this.#isInFlight = false
    for (const outcome of outcomes) outcome.done()
    this.#parts.events.durable()
  }

  #durablePlace(): { segment: string; bytes: number; position: Position } {
    return { segment: this.#active.name, bytes: this.#active.bytes, position: this.#durable }
  }

  /** Seals the active segment and begins the next. Everything laid out so far is durable, and nothing new is. */
  async #rotate(): Promise<void> {
    const old = this.#active
    assert(this.#filling.byteCount === 0, 'nothing is laid out while a rotation is due')
    await this.#parts.events.beforeSeal()
    const next = await this.#createNext(old)
    this.#active = next
    this.#witnessed = true
    this.#parts.events.sealed(old, next)
    await old.file.close()
    this.#rotationDue = false
    this.#rotationWanted = false
    this.#parts.mark.publish(this.#durablePlace())
  }

  #createNext(old: ActiveSegment): Promise<ActiveSegment> {
    const { disk, journal, epoch, fence } = this.#parts
    const first = this.#state.scalars.position + 1
    const time = this.#now()
    const header = { journal, epoch, segment: old.number + 1, first, fence, time, previous: old.sealed() }
    return ActiveSegment.create(disk, { name: nextSegmentName(old.name, first), header, link: old.lastSum })
  }

  /** Seals the active segment although it isn't full, so that retention can rewrite it. */
  async rotateNow(): Promise<void> {
    this.#rotationWanted = true
    await this.control((time) => [{ control: 'witness', time }])
    await this.settled()
  }

  // Resting: when nothing more comes, a last witness, so that a crash later finds no tail that could be doubted.

  #restLater(): void {
    if (this.#restTimer !== undefined) return
    const writes = this.#writes
    this.#restTimer = this.#parts.clock.after(restMs, () => {
      this.#restTimer = undefined
      if (this.#failure !== undefined || this.#witnessed) return
      if (writes !== this.#writes || this.#isBusy) return this.#restLater()
      // Safe to leave alone: when it fails the writer latches and says so at the next call.
      void this.#witness().catch(() => undefined)
    })
  }

  async #witness(): Promise<void> {
    await this.control((time) => [{ control: 'witness', time }])
  }

  // Failing.

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = failureOf(error, this.#parts.disk)
    const pending = [...this.#inFlight.outcomes, ...this.#filling.outcomes]
    this.#inFlight.clear()
    this.#filling.clear()
    const indeterminate = new HoldfastError('INDETERMINATE', `the write failed: ${this.#failure.message}`, {
      hint: 'It may or may not be in the journal. reopen() the journal, then look, or repeat it with the same command id.',
      cause: this.#failure,
    })
    for (const outcome of pending) outcome.failed(indeterminate)
    this.#refuseQueue()
    this.#tellIdle()
    this.#parts.events.failed(this.#failure)
  }

  #latched(): HoldfastError {
    const failure = this.#failure
    assert(failure !== undefined, 'only a failed writer refuses')
    if (failure.code === 'CLOSED' || failure.code === 'SUPERSEDED') return failure
    return new HoldfastError('LATCHED', `the journal stopped after a failure: ${failure.message}`, {
      hint: 'Nothing was stored. Mend the cause (see the cause of this error) and call reopen().',
      cause: failure,
    })
  }

  #tellIdle(): void {
    if (this.#failure === undefined && (this.#isBusy || this.#queue.length > 0)) return
    for (const waiter of this.#idleWaiters.splice(0)) waiter()
  }
}

const noDigests: readonly string[] = Object.freeze([])
