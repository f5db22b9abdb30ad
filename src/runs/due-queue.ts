// What is due when, for runs that are not in memory: one timer for the earliest of all.
//
// Invariant: a binary heap; an entry costs no more than two words beside what it wakes.

import type { Clock, Timer } from '../host/clock.ts'
import { neverDue } from './run-event.ts'
import { wakeAt } from './wake-at.ts'

export interface Sleeper {
  /** Its time has come; it may have been woken by something else meanwhile. */
  wakeDue(due: number): void
}

interface Entry {
  readonly due: number
  readonly sleeper: Sleeper
}

export class DueQueue {
  readonly #clock: Clock
  readonly #heap: Entry[] = []
  #timer: Timer | undefined
  #timerDue: number = neverDue

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(due: number, sleeper: Sleeper): void {
    if (due >= neverDue) return
    this.#heap.push({ due, sleeper })
    this.#rise(this.#heap.length - 1)
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerDue = neverDue
    this.#heap.length = 0
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.due >= this.#timerDue) return
    this.#timer?.cancel()
    this.#timerDue = first.due
    this.#timer = wakeAt(this.#clock, first.due, () => {
      this.#timerDue = neverDue
      this.#wakeAll()
    })
  }

  #wakeAll(): void {
    const now = this.#clock.now()
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      this.#removeFirst()
      first.sleeper.wakeDue(first.due)
    }
    this.#arm()
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #rise(from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      if (this.#dueAt(above) <= this.#dueAt(at)) return
      this.#swap(above, at)
      at = above
    }
  }

  #sink(from: number): void {
    let at = from
    for (;;) {
      const left = 2 * at + 1
      const least = this.#dueAt(left + 1) < this.#dueAt(left) ? left + 1 : left
      if (this.#dueAt(least) >= this.#dueAt(at)) return
      this.#swap(least, at)
      at = least
    }
  }

  #dueAt(index: number): number {
    return this.#heap[index]?.due ?? Number.POSITIVE_INFINITY
  }

  #swap(a: number, b: number): void {
    const one = this.#heap[a]
    const other = this.#heap[b]
    if (one === undefined || other === undefined) return
    this.#heap[a] = other
    this.#heap[b] = one
  }
}
