// What a run may spend, and what it has spent: tokens, cost, steps, time, whatever its author counts.
//
// Spending is part of the events that it belongs to (`charge`), and both sides are folds of the run's events: nothing is
// counted twice when a run is resumed, and a replay holds what life held. The run counts two amounts itself: `steps`,
// the steps and tools that it was allowed to begin, and, where it is limited, `time`, what their attempts took.
//
// Invariant: what asks while a limit is reached is held until the limit is raised; what had begun by then goes on.

import { parseDuration } from '../core/duration.ts'
import type { Duration } from '../journal/append-options.ts'
import { checkObject, invalidArgument } from '../journal/argument.ts'
import type { RunData, RunEvent } from './run-event.ts'
import { runEvents } from './run-event.ts'

/** What something has cost, by names of one's own; not `steps` and `time`. */
export interface Amounts {
  readonly tokens?: number
  readonly cost?: number
  readonly [name: string]: number | undefined
}

/** Limits, by name. */
export interface Budgets {
  readonly tokens?: number
  readonly cost?: number
  /** How many steps and tools may begin. */
  readonly steps?: number
  /** How long the attempts of steps and tools may take, added up: not sleeping, not waiting, not while no process runs. */
  readonly time?: Duration
  readonly [name: string]: Duration | undefined
}

export interface SpentBudget {
  readonly budget: string
  readonly spent: number
  readonly limit: number
}

type Counts = Readonly<Record<string, number>>

const ownNames: readonly string[] = ['steps', 'time']

export class Budget {
  // Each is made with the first that is put in: most runs have no limits, and hold nothing.
  #limits: Map<string, number> | undefined
  #spent: Map<string, number> | undefined
  /** By the keys of asks, in the order of asking: what to call when a limit was raised. */
  #held: Map<string, () => void> | undefined
  #isParked = false
  #isParking = false

  constructor(limits: Counts = {}) {
    for (const [name, limit] of Object.entries(limits)) this.#limit(name, limit)
  }

  get spent(): Counts {
    return Object.fromEntries(this.#spent ?? [])
  }

  /** What was charged, without what the run counts itself. */
  get given(): Counts {
    return Object.fromEntries([...(this.#spent ?? [])].filter(([name]) => !ownNames.includes(name)))
  }

  /** Something asks: it may begin, or it is held. `raised` is called after every raise by which it was held. */
  admit(key: string, raised: () => void): void {
    if (this.over() === undefined) this.#count('steps', 1)
    else {
      this.#held ??= new Map()
      this.#held.set(key, raised)
    }
  }

  isHeld(key: string): boolean {
    return this.#held?.has(key) === true
  }

  /** It is over. One that was held is counted here. */
  forget(key: string): void {
    if (this.#held?.delete(key) === true) this.#count('steps', 1)
  }

  /** The first limit that is reached. */
  over(): SpentBudget | undefined {
    if (this.#limits === undefined) return undefined
    for (const [budget, limit] of this.#limits) {
      const spent = this.#spent?.get(budget) ?? 0
      if (spent >= limit) return { budget, spent, limit }
    }
    return undefined
  }

  /** Whether it is recorded that the run is held, or about to be. */
  get isParked(): boolean {
    return this.#isParked || this.#isParking
  }

  /** What to record once, while something is held. */
  park(): SpentBudget | undefined {
    if (this.#isParked || this.#isParking || (this.#held?.size ?? 0) === 0) return undefined
    this.#isParking = true
    return this.over()
  }

  /** Every event of the run. */
  meet({ type, data }: RunEvent): void {
    if (data.charge !== undefined) {
      for (const [name, amount] of Object.entries(data.charge as Counts)) this.#count(name, amount)
    }
    if (type === runEvents.parked) this.#isParked = true
    if (type !== runEvents.raised) return
    for (const [name, limit] of Object.entries(data.budgets as Counts)) this.#limit(name, limit)
    this.#isParked = false
    this.#isParking = false
    for (const [key, raised] of [...(this.#held ?? [])]) {
      if (this.over() === undefined) this.forget(key)
      raised()
    }
  }

  /** For the event of an attempt. Throws INVALID_ARGUMENT, and what `charge` throws. */
  chargeOf(tookMs: number, charged: Amounts | undefined): RunData {
    const given = charged === undefined ? undefined : checkAmounts(charged, 'the charge')
    const time = this.#limits?.has('time') === true && tookMs > 0 ? { time: tookMs } : undefined
    return given === undefined && time === undefined ? {} : { charge: { ...given, ...time } }
  }

  #limit(name: string, limit: number): void {
    this.#limits ??= new Map()
    this.#limits.set(name, limit)
  }

  #count(name: string, amount: number): void {
    this.#spent ??= new Map()
    this.#spent.set(name, (this.#spent.get(name) ?? 0) + amount)
  }
}

export function heldBecause({ budget, spent, limit }: SpentBudget): string {
  const unit = budget === 'time' ? ' ms' : ''
  return `has used ${spent}${unit} of its budget of ${limit}${unit} (${budget}), and goes on when that is raised`
}

/** What is recorded of amounts. Throws INVALID_ARGUMENT. */
export function checkAmounts(amounts: Amounts, what: string): Counts {
  checkObject(amounts, what)
  const given = Object.entries(amounts).filter(([, amount]) => amount !== undefined)
  for (const [name, amount] of given) {
    if (ownNames.includes(name)) throw invalidArgument(`${what}.${name}`, 'left out', 'The run counts it itself.')
    checkAmount(amount, `${what}.${name}`)
  }
  return Object.fromEntries(given) as Counts
}

/** What is recorded of limits. Throws INVALID_ARGUMENT. */
export function checkBudgets(budgets: Budgets): Counts {
  checkObject(budgets, 'budgets')
  const given = Object.entries(budgets).filter(([, limit]) => limit !== undefined)
  return Object.fromEntries(
    given.map(([name, limit]) => {
      const what = `budgets.${name}`
      return [name, name === 'time' ? parseDuration(limit as Duration, what) : checkAmount(limit, what)]
    }),
  )
}

function checkAmount(amount: unknown, what: string): number {
  if (typeof amount === 'number' && Number.isFinite(amount) && amount >= 0) return amount
  throw invalidArgument(what, 'a number of 0 or more')
}
