// Decides who goes on. Whatever takes time in a run (an operation of a disk, an actor that lets others go first) waits here
// for its turn, and one turn is given at a time; when nobody waits, time passes. Between two turns everything happens that
// needs none, so the order of all that happens follows from the seed.

import type { FakeClock } from '../../src/testing/fake-clock.ts'
import type { Prng } from '../../src/testing/prng.ts'
import type { Schedule } from './plan.ts'

/** Whoever waits: held while it is stopped, forgotten when it has died. */
export interface Waiter {
  readonly name: string
  readonly state: 'running' | 'stopped' | 'dead'
}

interface Ticket {
  readonly waiter: Waiter
  readonly what: string
  /** Handed to the system: it is done although the process is stopped meanwhile. */
  readonly issued: boolean
  readonly go: () => void
}

/** Nobody can go on any more, or somebody goes on for ever. */
export class Hang extends Error {}

const tickMs = 10
/** Of the event loop, in which what the product does on its own can come to its next wait. */
const idleTurns = 3
const stepsMax = 60_000
const idleMsMax = 120_000

export class Scheduler {
  readonly #clock: FakeClock
  readonly #prng: Prng
  readonly #schedule: Schedule
  readonly note: (line: string) => void
  #tickets: Ticket[] = []
  #steps = 0

  constructor(
    parts: { readonly clock: FakeClock; readonly prng: Prng; readonly trace: (line: string) => void },
    schedule: Schedule,
  ) {
    this.#clock = parts.clock
    this.#prng = parts.prng
    this.note = parts.trace
    this.#schedule = schedule
  }

  /** Turns given so far. */
  get steps(): number {
    return this.#steps
  }

  /** Resolves when it is the waiter's turn. */
  turn(waiter: Waiter, what: string, issued: boolean = false): Promise<void> {
    return new Promise((go) => this.#tickets.push({ waiter, what, issued, go }))
  }

  /** Whether the system has still something to do for this one. */
  hasIssued(by: Waiter): boolean {
    return this.#tickets.some(({ waiter, issued }) => issued && waiter === by)
  }

  async turns(waiter: Waiter, what: string, count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await this.turn(waiter, what)
  }

  /** Gives turns until `work` has settled: true. Or until so many turns were given in all: false. */
  async run(work: Promise<unknown>, until: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    const stepsBefore = this.#steps
    let idle = 0
    let idleMs = 0
    for (;;) {
      await nextTurn()
      if (isOver) return true
      if (this.#steps >= until) return false
      if (this.#step()) idle = 0
      else if (++idle > idleTurns) {
        this.#clock.advance(tickMs)
        idleMs += tickMs
      }
      if (idleMs > idleMsMax) throw new Hang('nothing goes on any more, whatever time passes')
      if (this.#steps - stepsBefore > stepsMax) throw new Hang(`still going on after ${stepsMax} steps`)
    }
  }

  #step(): boolean {
    this.#tickets = this.#tickets.filter(({ waiter }) => waiter.state !== 'dead')
    const ready = this.#tickets.filter(({ waiter, issued }) => waiter.state === 'running' || issued)
    if (ready.length === 0) return false
    if (this.#prng.below(1_000) < this.#schedule.tick) this.#clock.advance(1 + this.#prng.below(30))
    const chosen = ready[this.#choose(ready.length)] as Ticket // below the length
    this.#tickets.splice(this.#tickets.indexOf(chosen), 1)
    this.#steps++
    this.note(`${this.#steps} ${chosen.waiter.name} ${chosen.what}`)
    chosen.go()
    return true
  }

  #choose(count: number): number {
    const chance = this.#prng.below(100)
    if (chance < this.#schedule.newest) return count - 1
    if (chance < this.#schedule.newest + this.#schedule.oldest) return 0
    return this.#prng.below(count)
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
