// What goes back and forth between a loop and its model: proposed actions, how they ended, the tokens that an answer took.
//
// Invariant: all of it is plain data that the journal gives back as it was, since a resumed loop shows the model the same
// history as one that was never cut off.

/** What a model proposes: a tool, or an agent to delegate to, with its input. */
export interface ProposedAction {
  /** Within the run: "2.1" is the first of the second iteration. */
  readonly id: string
  readonly tool: string
  readonly input?: unknown
  /** What the model calls it, when it gave it an id. */
  readonly callId?: string
}

export type ActionOutcome = 'done' | 'failed' | 'denied'

/** How an action ended, as the model is shown it in the next iteration. */
export interface Observation {
  readonly id: string
  readonly tool: string
  readonly outcome: ActionOutcome
  readonly callId?: string
  readonly result?: unknown
  /** Why it failed or was denied. */
  readonly error?: string
}

export interface TokenUsage {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** One iteration that is over. */
export interface PastIteration {
  readonly iteration: number
  readonly text?: string
  readonly actions: readonly ProposedAction[]
  readonly observations: readonly Observation[]
}

export interface ErrorSummary {
  readonly name: string
  readonly message: string
  readonly code?: string
}

export function summaryOf(thrown: unknown): ErrorSummary {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) }
  const { name, message, code } = thrown as Error & { readonly code?: unknown }
  const summary = { name, message }
  return typeof code === 'string' || typeof code === 'number' ? { ...summary, code: String(code) } : summary
}
