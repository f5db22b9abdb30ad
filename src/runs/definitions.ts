// Runs that are defined by name in this process: what a worker can take on.

import { invalidArgument } from '../journal/argument.ts'
import type { RunFunction } from './run.ts'
import { checkRunName } from './run-event.ts'

export class Definitions {
  readonly #calls: Map<string, RunFunction> = new Map()

  get names(): readonly string[] {
    return [...this.#calls.keys()]
  }

  add(name: string, call: RunFunction): void {
    checkRunName(name)
    if (typeof call !== 'function') throw invalidArgument('the second argument of define', 'a function')
    if (this.#calls.has(name))
      throw invalidArgument('the name of a run', `new: ${JSON.stringify(name)} is defined already`)
    this.#calls.set(name, call)
  }

  find(name: string): RunFunction | undefined {
    return this.#calls.get(name)
  }
}
