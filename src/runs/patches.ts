// What a run was told of the marked changes of its code (run.patched): the same wherever it asks by that name.

import { AskLog } from './ask-log.ts'

export class Patches {
  readonly #log: AskLog
  #told: Map<string, boolean> | undefined

  constructor(log: AskLog) {
    this.#log = log
  }

  /** Whether the run takes the new way: its record has the mark, or has no more of the old way. `isAhead`: whether the record
   * has the mark further on; undefined when it ends before it could. */
  patched(name: string, isAhead: (mark: string) => boolean | undefined): boolean {
    const known = this.#told?.get(name)
    if (known !== undefined) return known
    const mark = AskLog.markOf(name)
    const isPatched = this.#log.hasMark(mark) || (isAhead(mark) ?? true)
    if (isPatched) this.#log.addMark(mark)
    this.#told ??= new Map()
    this.#told.set(name, isPatched)
    return isPatched
  }
}
