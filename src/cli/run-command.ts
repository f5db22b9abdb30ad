// What the commands about runs share: what they are given, and how they say what went wrong.

import { type HoldfastError, isHoldfastError } from '../errors.ts'
import { type Command, type Options, type Parsed, readArguments, UsageError } from './command.ts'

/** A command that tells a run something. Each takes the journal, the run, a name for itself (--id) and --json. */
export interface RunCommand<T extends Options> {
  readonly name: string
  readonly summary: string
  readonly help: string
  /** Beside those that each takes. */
  readonly options: T
  /** How many words stand behind the run, at least and at most. */
  readonly words: readonly [least: number, most: number]
  /** What must be given, for who gives something else. */
  readonly needs: string
  /** Does it, and says what is so from now on. */
  tell(given: Given<T>): Promise<string>
}

export interface Given<T extends Options> {
  readonly target: string
  readonly run: string
  readonly words: readonly string[]
  readonly values: Parsed<T>['values']
  /** Given on: sent again with the same name, it takes effect once. */
  readonly sending: { readonly commandId?: string }
}

export function runCommand<const T extends Options>(about: RunCommand<T>): Command {
  const { name, summary, help } = about
  return { name, summary, help, run: (args) => tellRun(about, args) }
}

async function tellRun<T extends Options>({ options, words, needs, tell }: RunCommand<T>, args: readonly string[]) {
  const common = { id: { type: 'string' }, json: { type: 'boolean' } } as const
  const { values, positionals } = readArguments<Options>(args, { ...options, ...common })
  const { id, json } = values as Parsed<typeof common>['values']
  const [target, run, ...more] = positionals
  const [least, most] = words
  if (target === undefined || run === undefined || more.length < least || more.length > most)
    throw new UsageError(needs)
  const sending = id === undefined ? {} : { commandId: id }
  return telling(json === true, () =>
    tell({ target, run, words: more, values: values as Parsed<T>['values'], sending }),
  )
}

/** Ends with 0, or says why not and ends with 1; with 2 when it was called wrongly. */
async function telling(isJson: boolean, tell: () => Promise<string>): Promise<number> {
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
