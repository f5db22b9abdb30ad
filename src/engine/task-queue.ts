// Tasks in the order of their calls. Each is laid out when its turn comes, memory holds what it needs, and there is room
// where it goes; until then it waits, and all behind it do, because the next one is judged by what this one does.

import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Task } from './append-task.ts'
import { latched } from './failure.ts'

export interface QueueOwner {
  /** Whether the next task can be laid out now. */
  canLayOut(): boolean
  /** What a task needs could not be loaded. */
  failed(error: unknown): void
  /** As many tasks were laid out as can be for now. */
  paused(): void
}

export class TaskQueue {
  readonly #owner: QueueOwner
  readonly #tasks: Task[] = []
  #bytes = 0
  #isPumping = false

  constructor(owner: QueueOwner) {
    this.#owner = owner
  }

  get isEmpty(): boolean {
    return this.#tasks.length === 0
  }

  /** Whether tasks wait that nobody is laying out. */
  get isResting(): boolean {
    return this.#tasks.length > 0 && !this.#isPumping
  }

  /** Lays the task out, at once if it can be. Refuses it when too much waits. */
  take(task: Task): void {
    if (this.#layOutNow(task)) return
    if (this.#tasks.length < limits.queueWaitersMax && this.#bytes < limits.queueBytesMax) this.#push(task)
    else task.refuse(queueFull(this.#tasks.length, this.#bytes))
  }

  /** The same, however much waits: for what holds nothing in memory. */
  takeAlways(task: Task): void {
    if (!this.#layOutNow(task)) this.#push(task)
  }

  #layOutNow(task: Task): boolean {
    if (this.#tasks.length > 0 || !this.#owner.canLayOut()) return false
    const missing = task.missing()
    if (missing === undefined) {
      task.stage()
      return true
    }
    void Promise.allSettled(missing) // failures are met again when the task's turn comes
    return false
  }

  #push(task: Task): void {
    this.#tasks.push(task)
    this.#bytes += task.bytes
    if (!this.#isPumping) void this.pump()
  }

  /** Lays out what can be. Not while it runs already. */
  async pump(): Promise<void> {
    this.#isPumping = true
    let taken = 0
    try {
      while (taken < this.#tasks.length && this.#owner.canLayOut()) {
        const task = this.#tasks[taken] as Task // below the length
        const missing = task.missing()
        if (missing !== undefined) {
          await Promise.all(missing)
          continue
        }
        taken++
        this.#bytes -= task.bytes
        task.stage()
      }
    } catch (error) {
      this.#owner.failed(error)
    } finally {
      this.#tasks.splice(0, taken)
      this.#isPumping = false
    }
    this.#owner.paused()
  }

  /** What was laid out already is settled elsewhere: being refused as well changes nothing for it. */
  refuseAll(failure: HoldfastError): void {
    this.#bytes = 0
    for (const task of this.#tasks.splice(0)) task.refuse(latched(failure))
  }
}

function queueFull(count: number, bytes: number): HoldfastError {
  return new HoldfastError('QUEUE_FULL', `${count} appends with ${bytes} bytes are waiting`, {
    hint: 'Await appends before making more, or append more events per call.',
  })
}
