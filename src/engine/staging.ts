// What is laid out and not yet durable: the group that is being filled, and the one on its way to the disk. Laying out
// turns numbers into lines, and the state follows at once, because the next append is judged by it.

import type { Control, RetainControl } from '../core/control.ts'
import type { PlacedEvent } from '../core/decision-view.ts'
import type { ByteOffset, TimeMs } from '../core/numbers.ts'
import { controlBody, encodeEventTail, eventBody } from '../core/record.ts'
import { limits } from '../limits.ts'
import type { ActiveSegment } from './active-segment.ts'
import { Group, type Outcome } from './group.ts'
import { previousSegment } from './replay.ts'
import type { State } from './state.ts'

/** Of one batch: its lines belong together. */
export interface Records {
  readonly time: TimeMs
  readonly controls: readonly Control[]
  readonly events: readonly PlacedEvent[]
}

export class Staging {
  readonly #state: State
  /** Where the lines go. Changed only while there are none. */
  active: ActiveSegment
  #filling: Group = new Group()
  #inFlight: Group = new Group()
  #isInFlight = false

  constructor(state: State, active: ActiveSegment) {
    this.#state = state
    this.active = active
  }

  /** Whether nothing waits to be written or told. */
  get isEmpty(): boolean {
    return this.#filling.isEmpty
  }

  /** Bytes that wait to be written. */
  get byteCount(): number {
    return this.#filling.byteCount
  }

  /** What doesn't fit any more waits for the next segment: only a single batch can make a segment longer. */
  hasRoom(segmentBytes: number): boolean {
    if (this.#filling.byteCount >= limits.groupBytesMax) return false
    return this.#filling.isEmpty || this.#start + this.#filling.byteCount < segmentBytes
  }

  /** Where in the active segment the group that is being filled will begin. */
  get #start(): ByteOffset {
    return this.active.bytes + (this.#isInFlight ? this.#inFlight.byteCount : 0)
  }

  layOut({ time, controls, events }: Records): void {
    const { active } = this
    const group = this.#filling
    const start = this.#start
    let left = controls.length + events.length
    for (const control of controls) {
      left--
      const offset = start + group.byteCount
      active.lastSum = group.add(controlBody(control, left > 0), active.lastSum)
      if (control.control === 'witness') group.witnesses++
      if (control.control === 'retain') this.#retainLater(control)
      else this.#state.apply(control, [active.number, offset])
    }
    for (const { event, stream, seq, position } of events) {
      left--
      const offset = start + group.byteCount
      const body = eventBody({ position, stream, seq, time }, encodeEventTail(event), left > 0)
      active.lastSum = group.add(body, active.lastSum)
      active.index.add(
        { stream, seq, position, type: event.type },
        offset,
        previousSegment(this.#state, stream, active.number),
      )
      const blobs = event.blobs ?? noDigests
      if (blobs.length > 0) active.index.addBlobs(blobs)
      this.#state.applyEvent({ stream, seq, position, time, blobs }, active.number)
    }
    group.position = this.#state.scalars.position
  }

  /** Done before the caller is told, and before a rotation takes the state for that of the sealed segment. */
  #retainLater(control: RetainControl): void {
    this.#state.beginRetain(control)
    const failed = (): void => undefined // whoever opens the log anew sees whether it is there
    this.#filling.outcomes.push({ done: () => this.#state.finishRetain(control), failed })
  }

  /** Tells an outcome with the group that is being filled. */
  settleWithNext(outcome: Outcome): void {
    this.#filling.outcomes.push(outcome)
  }

  /** Tells an outcome when all that is laid out now is durable: at once when that is the case already. */
  settleLater(outcome: Outcome): void {
    if (!this.#filling.isEmpty) this.#filling.outcomes.push(outcome)
    else if (this.#isInFlight) this.#inFlight.outcomes.push(outcome)
    else outcome.done()
  }

  /** The group that was filled goes on its way. */
  begin(): Group {
    const group = this.#filling
    this.#filling = this.#inFlight
    this.#inFlight = group
    this.#isInFlight = true
    return group
  }

  /** The group on its way has arrived. Returns whom to tell. */
  arrived(): readonly Outcome[] {
    const outcomes = this.#inFlight.outcomes.slice()
    this.#inFlight.clear()
    this.#isInFlight = false
    return outcomes
  }

  /** Nothing of it will arrive any more, as far as anybody knows. Returns whom to tell. */
  abandon(): readonly Outcome[] {
    const outcomes = [...this.#inFlight.outcomes, ...this.#filling.outcomes]
    this.#inFlight.clear()
    this.#filling.clear()
    return outcomes
  }
}

const noDigests: readonly string[] = Object.freeze([])
