// What a step is called within its run: its scope, its name, and which one of that name it is.
//
//   plan          the first step named "plan"
//   plan#2        the second
//   left » plan   the first "plan" inside of run.scope('left', …)
//
// Invariant: two different (scope, name, occurrence) never give the same key: the marks are doubled where a name has them.

import { checkName } from '../core/names.ts'

const separator = ' » '

export class KeyScope {
  readonly #path: string
  readonly #counts: Map<string, number> = new Map()

  constructor(path: string = '') {
    this.#path = path
  }

  /** The key of the next step with this name. */
  next(name: string): string {
    checkName(name, 'name of a step')
    const base = this.#path + writtenName(name)
    const occurrence = (this.#counts.get(base) ?? 0) + 1
    this.#counts.set(base, occurrence)
    return occurrence === 1 ? base : `${base}#${occurrence}`
  }

  /** The scope that a key opens. */
  static of(key: string): KeyScope {
    return new KeyScope(`${key}${separator}`)
  }
}

/** A name as it stands in a key. */
export function writtenName(name: string): string {
  if (!/[#»]/.test(name)) return name
  return name.replaceAll('#', '##').replaceAll('»', '»»')
}

/** The path of its scope, its name as it is written, and its occurrence with its mark: together they are the key. */
export function partsOfKey(key: string): { readonly path: string; readonly name: string; readonly occurrence: string } {
  // In a name the mark is doubled, so that a single one between blanks stands between two parts.
  const end = key.lastIndexOf(separator)
  const path = end < 0 ? '' : key.slice(0, end + separator.length)
  const last = key.slice(path.length)
  const occurrence = /(?<!#)(?:##)*(#\d+)$/.exec(last)?.[1] ?? ''
  return { path, name: last.slice(0, last.length - occurrence.length), occurrence }
}

/** The name that was asked for, of a key. */
export function nameOfKey(key: string): string {
  return partsOfKey(key).name.replaceAll('##', '#').replaceAll('»»', '»')
}
