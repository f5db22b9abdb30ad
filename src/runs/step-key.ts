// What a step is called within its run: its scope, its name, and which one of that name it is.
//
//   plan          the first step named "plan"
//   plan#2        the second
//   left » plan   the first "plan" inside of run.scope('left', …)
//
// Invariant: two different (scope, name, occurrence) never give the same key: the marks are doubled where a name has them.

import { checkName } from '../core/names.ts'

export class KeyScope {
  readonly #path: string
  readonly #counts: Map<string, number> = new Map()

  constructor(path: string = '') {
    this.#path = path
  }

  /** The key of the next step with this name. */
  next(name: string): string {
    checkName(name, 'the name of a step')
    const base = this.#path + name.replaceAll('#', '##').replaceAll('»', '»»')
    const occurrence = (this.#counts.get(base) ?? 0) + 1
    this.#counts.set(base, occurrence)
    return occurrence === 1 ? base : `${base}#${occurrence}`
  }

  /** The scope that a key opens. */
  static of(key: string): KeyScope {
    return new KeyScope(`${key} » `)
  }
}
