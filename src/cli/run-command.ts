// What the commands about runs share: what they are given, and how they say what went wrong.

import { type HoldfastError, isHoldfastError } from '../errors.ts'
import { UsageError } from './command.ts'

/** Ends with 0, or says why not and ends with 1; with 2 when it was called wrongly. */
export async function telling(isJson: boolean, tell: () => Promise<string>): Promise<number> {
  try {
    const text = await tell()
    process.stdout.write(`${isJson ? JSON.stringify({ ok: true }) : text}\n`)
    return 0
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return fail(error, isJson)
  }
}

export function fail({ code, message, hint, details }: HoldfastError, isJson: boolean): number {
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message, hint, details } })}\n`)
  else process.stderr.write(`holdfast: ${message} (${code})\n${hint === undefined ? '' : `${hint}\n`}`)
  return code === 'INVALID_ARGUMENT' || code === 'UNKNOWN_SCHEME' ? 2 : 1
}

/** What the user typed as data. */
export function jsonData(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const message = `The data must be JSON (text stands in quotes, as '"yes"'), not ${text}`
    throw new UsageError(message, { cause: error })
  }
}
