// What a loop has used up of its limits. What was spent before a restart stays spent.
//
// Invariant: it follows from the loop's recorded entries alone.

import type { TokenUsage } from './agent-action.ts'
import type { TerminationReason } from './agent-event.ts'
import type { AgentLimits } from './agent-limits.ts'

export class Spending {
  readonly #limits: AgentLimits
  #iterations = 0
  #tokens = 0
  #ms = 0
  #deniedInARow = 0

  constructor(limits: AgentLimits) {
    this.#limits = limits
  }

  get iterations(): number {
    return this.#iterations
  }

  get tokens(): number {
    return this.#tokens
  }

  get ms(): number {
    return this.#ms
  }

  get tokensLeft(): number {
    return Math.max(0, this.#limits.tokens - this.#tokens)
  }

  get msLeft(): number {
    return Math.max(0, this.#limits.timeMs - this.#ms)
  }

  addTokens(tokens: number): void {
    this.#tokens += tokens
  }

  addUsage({ inputTokens, outputTokens }: TokenUsage): void {
    this.addTokens(inputTokens + outputTokens)
  }

  addTime(ms: number): void {
    this.#ms += ms
  }

  endIteration({ allDenied }: { readonly allDenied: boolean }): void {
    this.#iterations += 1
    this.#deniedInARow = allDenied ? this.#deniedInARow + 1 : 0
  }

  /** Why the model may not be asked once more. */
  get exhausted(): TerminationReason | undefined {
    if (this.#deniedInARow >= this.#limits.deniedIterations) return 'policy-denial'
    if (this.#iterations >= this.#limits.iterations) return 'max-iterations'
    if (this.tokensLeft === 0) return 'max-tokens'
    return this.msLeft === 0 ? 'timeout' : undefined
  }

  /** Why what the model proposes may not be done: its answer went past a limit. */
  get exceeded(): TerminationReason | undefined {
    if (this.#tokens > this.#limits.tokens) return 'max-tokens'
    return this.#ms > this.#limits.timeMs ? 'timeout' : undefined
  }
}
