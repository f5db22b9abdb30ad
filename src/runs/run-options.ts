// What a run is started with, as its caller says it, and what is recorded of that.

import { type Budgets, checkBudgets } from './budget.ts'
import type { RunCreated } from './run-event.ts'

export interface RunOptions<Input = unknown> {
  /** What the function is called with; recorded when the run is created. Another than the recorded one is RUN_CONFLICT. */
  readonly input?: Input
  /** The version of the code: recorded with the run, and where it changes, for reports. */
  readonly version?: string
  /** Steps that have another name since the run began: { old: 'new' }. */
  readonly renamed?: Readonly<Record<string, string>>
  /** What it may spend; recorded when it is created. When a limit is reached, it is parked until journal.raise(). */
  readonly budgets?: Budgets
  /** What to do while another process drives the run: 'reject' (RUN_OWNED, the default) or 'wait' for its end. */
  readonly ifOwned?: 'reject' | 'wait'
}

export interface StartOptions<Input = unknown> {
  /** Chosen by the journal if not given. A run that is there already, with the same name and input, is started once. */
  readonly id?: string
  /** What its function is called with. */
  readonly input?: Input
  /** The version of the code, for reports. */
  readonly version?: string
  /** What it may spend. When a limit is reached, it is parked until journal.raise(). */
  readonly budgets?: Budgets
  /** The caller's name for this start: the same again gives the same run. */
  readonly commandId?: string
}

/** What is recorded of it. */
export function createdWith(
  name: string,
  { input, version, budgets }: Pick<RunOptions, 'input' | 'version' | 'budgets'>,
  seed: string,
): RunCreated {
  if (input === undefined && version === undefined && budgets === undefined) return { name, seed }
  return {
    name,
    ...(input === undefined ? {} : { input }),
    ...(version === undefined ? {} : { version }),
    ...(budgets === undefined ? {} : { budgets: checkBudgets(budgets) }),
    seed,
  }
}
