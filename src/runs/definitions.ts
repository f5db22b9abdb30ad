// Runs that are defined by name in this process: what a worker can take on.

import { invalidArgument } from '../journal/argument.ts'
import { type Budgets, checkBudgets } from './budget.ts'
import { Renames } from './renames.ts'
import type { RunFunction } from './run.ts'
import { checkRunName } from './run-event.ts'

export interface DefineOptions {
  /** The version of the code: recorded where a run goes on with it, for reports. */
  readonly version?: string
  /** Steps that have another name since runs began that aren't over: { old: 'new' }. */
  readonly renamed?: Readonly<Record<string, string>>
  /** What a run of this name may spend, where who started it says nothing of an amount. Not recorded: those of the code that
   * goes on with it hold. */
  readonly budgets?: Budgets
}

/** Of the code that goes on with a run. */
export interface DefinedCode extends Pick<DefineOptions, 'version' | 'renamed'> {
  /** Limits where the run's own record has none. */
  readonly limits?: Readonly<Record<string, number>>
}

export interface Definition extends DefinedCode {
  readonly call: RunFunction
}

export class Definitions {
  readonly #definitions: Map<string, Definition> = new Map()

  get names(): readonly string[] {
    return [...this.#definitions.keys()]
  }

  add(name: string, call: RunFunction, { version, renamed, budgets }: DefineOptions = {}): void {
    checkRunName(name)
    if (typeof call !== 'function') throw invalidArgument('the second argument of define', 'a function')
    if (this.#definitions.has(name))
      throw invalidArgument('the name of a run', `new: ${JSON.stringify(name)} is defined already`)
    Renames.of(renamed)
    const code = {
      ...(version === undefined ? {} : { version }),
      ...(renamed === undefined ? {} : { renamed }),
      ...(budgets === undefined ? {} : { limits: checkBudgets(budgets) }),
    }
    this.#definitions.set(name, { call, ...code })
  }

  find(name: string): Definition | undefined {
    return this.#definitions.get(name)
  }
}
