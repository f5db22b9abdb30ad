// Small checks of values that come from outside, and what puts them together: the words in which the places that read
// batches and records of strangers say what a field may be. A check only answers; it never throws.

export type Check = (value: unknown) => boolean

export const isText: Check = (value) => typeof value === 'string'
export const isFlag: Check = (value) => typeof value === 'boolean'
export const isWhole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0

export function orNull(check: Check): Check {
  return (value) => value === null || check(value)
}

export function optional(check: Check): Check {
  return (value) => value === undefined || check(value)
}

export function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check)
}

export function tuple(...checks: readonly Check[]): Check {
  return (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, index) => check(value[index]))
}

/** What a function takes that throws at everything else. */
export function passes(take: (value: unknown) => unknown): Check {
  return (value) => {
    try {
      take(value)
      return true
    } catch {
      return false // that it refuses is the answer
    }
  }
}
