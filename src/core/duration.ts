// Durations as people write them: a number of milliseconds, or text such as '300ms', '15s', '1h30m', '2d', '1w'.
// Invariant: the result is a safe integer of 0 or more; what is unclear is refused, never guessed.

import { HoldfastError } from '../errors.ts'

const unitMs = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1] as const
// Each unit at most once, larger ones first, as one would say it: '30m1h' or '1h1h' is likelier a slip than a wish.
const pattern = /^(?=.)(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/

/** Milliseconds. `what` names the option in the error, INVALID_ARGUMENT. */
export function parseDuration(value: number | string, what: string): number {
  const ms = typeof value === 'string' ? parseText(value) : value
  // Adding 0 makes 0 of -0.
  if (Number.isSafeInteger(ms) && ms >= 0) return ms + 0
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value)
  throw new HoldfastError('INVALID_ARGUMENT', `${what} must be a duration, and ${shown} is none`, {
    hint: "Give whole milliseconds as a number, or text like '300ms', '15s', '5m', '1h30m', '2d' or '1w'.",
    details: { what },
  })
}

function parseText(text: string): number {
  const match = pattern.exec(text)
  if (match === null) return Number.NaN
  return unitMs.reduce<number>((sum, ms, index) => sum + Number(match[index + 1] ?? 0) * ms, 0)
}
