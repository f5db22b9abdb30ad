// What a command is, and how what the user typed is read: with node:util alone, and so that every mistake ends with code 2
// and a line that says what is wrong.

import { type ParseArgsConfig, parseArgs } from 'node:util'

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  readonly help: string
  /** The exit code: 0 well, 1 something is wrong with what was looked at, 2 wrong usage. */
  run(args: readonly string[]): Promise<number>
}

/** What the user typed makes no sense. */
export class UsageError extends Error {
  override readonly name: 'UsageError' = 'UsageError'
}

export type Options = NonNullable<ParseArgsConfig['options']>

export type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; args: string[] }>
>

export function readArguments<const T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    // The first sentence says it; what follows explains the command line to those who know none.
    throw new UsageError((error as Error).message.split('. ')[0], { cause: error })
  }
}

export function wholeNumber(text: string, what: string, min: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= min) return number
  throw new UsageError(`${what} must be a whole number from ${min} on, not '${text}'`)
}

export function positiveNumber(text: string, what: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number
  throw new UsageError(`${what} must be a number above 0, not '${text}'`)
}
