// Steps that have been given another name: their records are read under the new one.
//
// What is renamed is the last part of a key, in whatever scope it stands and whichever of its name it is. A signal takes
// part, since what waits for it is named after it.

import { HoldfastError } from '../errors.ts'
import { checkObject, invalidArgument } from '../journal/argument.ts'
import { type RunData, runEvents } from './run-event.ts'
import { partsOfKey, writtenName } from './step-key.ts'

export class Renames {
  /** As names stand in keys. */
  readonly #written: ReadonlyMap<string, string>
  readonly #plain: ReadonlyMap<string, string>

  /** Undefined when nothing is renamed. Throws INVALID_ARGUMENT. */
  static of(renamed: Readonly<Record<string, string>> | undefined): Renames | undefined {
    if (renamed === undefined) return undefined
    checkObject(renamed, 'renamed')
    const pairs = Object.entries(renamed)
    for (const [old, name] of pairs) {
      if (typeof name !== 'string' || name === '') throw invalidArgument(`renamed[${JSON.stringify(old)}]`, 'a name')
    }
    const targets = new Set(pairs.map(([, name]) => name))
    if (targets.size < pairs.length) {
      throw new HoldfastError('INVALID_ARGUMENT', 'two names of renamed become the same one', {
        hint: 'Which of the two a record means could not be told any more: give each a name of its own.',
      })
    }
    return pairs.length === 0 ? undefined : new Renames(new Map(pairs))
  }

  private constructor(plain: ReadonlyMap<string, string>) {
    this.#plain = plain
    this.#written = new Map([...plain].map(([old, name]) => [writtenName(old), writtenName(name)]))
  }

  key(key: string): string {
    const { path, name, occurrence } = partsOfKey(key)
    const renamed = this.#written.get(name)
    return renamed === undefined ? key : path + renamed + occurrence
  }

  /** The data of an event, with the keys in it under their new names. */
  read(type: string, data: RunData): RunData {
    const { key, asked, late, name } = data
    const signal = type === runEvents.signal && typeof name === 'string' ? this.#plain.get(name) : undefined
    return {
      ...data,
      ...(typeof key === 'string' ? { key: this.key(key) } : {}),
      ...(Array.isArray(asked) ? { asked: (asked as string[]).map((one) => this.key(one)) } : {}),
      ...(Array.isArray(late) ? { late: (late as string[]).map((one) => this.key(one)) } : {}),
      ...(signal === undefined ? {} : { name: signal }),
    }
  }
}
