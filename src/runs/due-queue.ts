// What is due when, for runs that are not in memory: one timer for the earliest of all.
//
// Invariant: a binary heap in two lists, so that an entry costs no more than two words beside what it wakes.

import type { Clock, Timer } from '../host/clock.ts'
import { neverDue } from './run-event.ts'
import { wakeAt } from './wake-at.ts'

export interface Sleeper {
  /** Its time has come; it may have been woken by something else meanwhile. */
  wakeDue(due: number): void
}

export class DueQueue {
  readonly #clock: Clock
  readonly #dues: number[] = []
  /** Whom to wake, in the same places. */
  readonly #sleepers: Sleeper[] = []
  #timer: Timer | undefined
  #timerDue: number = neverDue

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(due: number, sleeper: Sleeper): void {
    if (due >= neverDue) return
    this.#dues.push(due)
    this.#sleepers.push(sleeper)
    this.#rise(this.#dues.length - 1)
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerDue = neverDue
    this.#dues.length = 0
    this.#sleepers.length = 0
  }

  #arm(): void {
    const due = this.#dues[0]
    if (due === undefined || due >= this.#timerDue) return
    this.#timer?.cancel()
    this.#timerDue = due
    this.#timer = wakeAt(this.#clock, due, () => {
      this.#timerDue = neverDue
      this.#wakeAll()
    })
  }

  #wakeAll(): void {
    const now = this.#clock.now()
    for (let due = this.#dues[0]; due !== undefined && due <= now; due = this.#dues[0]) this.#takeFirst()?.wakeDue(due)
    this.#arm()
  }

  #takeFirst(): Sleeper | undefined {
    this.#swap(0, this.#dues.length - 1)
    this.#dues.pop()
    const first = this.#sleepers.pop()
    this.#sink(0)
    return first
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
    return this.#dues[index] ?? Number.POSITIVE_INFINITY
  }

  #swap(a: number, b: number): void {
    swapIn(this.#dues, a, b)
    swapIn(this.#sleepers, a, b)
  }
}

function swapIn<T>(list: T[], a: number, b: number): void {
  const one = list[a]
  const other = list[b]
  if (one === undefined || other === undefined) return
  list[a] = other
  list[b] = one
}
