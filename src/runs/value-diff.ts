// Where two values first differ, as a path: for reports that a person reads.

import { isDeepStrictEqual } from 'node:util'

export interface ValueDifference {
  readonly path: string
  readonly left: unknown
  readonly right: unknown
}

/** Undefined when they are equal. */
export function firstDifference(left: unknown, right: unknown, path: string): ValueDifference | undefined {
  if (isDeepStrictEqual(left, right)) return undefined
  if (Array.isArray(left) && Array.isArray(right)) return firstInList(left, right, path)
  if (!isRecord(left) || !isRecord(right)) return { path, left, right }
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = firstDifference(left[key], right[key], `${path}.${key}`)
    if (found !== undefined) return found
  }
  // They differ in what keys don't show: a prototype, or a key that is undefined against one that is missing.
  return { path, left, right }
}

function firstInList(left: readonly unknown[], right: readonly unknown[], path: string): ValueDifference {
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const found = firstDifference(left[index], right[index], `${path}[${index}]`)
    if (found !== undefined) return found
  }
  return { path, left, right }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
