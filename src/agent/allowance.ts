// What a loop sets aside for the agents that it delegates to: reserved from what is left before one begins, given back when it
// ends. So agents that run at the same time can't spend together what each of them was told is left.
//
// Invariant: it follows from the loop's recorded entries alone, in the order in which they are met: a resumed loop sets aside
// the same.

import type { Spending } from './spending.ts'

export interface Share {
  readonly tokens: number
  readonly ms: number
}

export class Allowance {
  readonly #spent: Spending
  #tokens = 0
  #ms = 0
  /** Agents that this iteration still delegates to. */
  #awaited = 0

  constructor(spent: Spending) {
    this.#spent = spent
  }

  /** An iteration delegates to so many. */
  await(agents: number): void {
    this.#awaited = agents
  }

  /** An even share among those that haven't begun, and no more than it asks for. */
  take(asked: Share): Share {
    const among = Math.max(1, this.#awaited)
    this.#awaited = among - 1
    const { tokensLeft, msLeft } = this.#spent
    const tokens = Math.max(0, Math.min(asked.tokens, Math.floor((tokensLeft - this.#tokens) / among)))
    const ms = Math.max(0, Math.min(asked.ms, Math.floor((msLeft - this.#ms) / among)))
    this.#tokens += tokens
    this.#ms += ms
    return { tokens, ms }
  }

  giveBack({ tokens, ms }: Share): void {
    this.#tokens -= tokens
    this.#ms -= ms
  }
}
