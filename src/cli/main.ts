// Finds the command that was typed and runs it.

import { readFileSync } from 'node:fs'
import { cancel } from './cancel.ts'
import { type Command, UsageError } from './command.ts'
import { copy } from './copy.ts'
import { packagePlace } from './package-place.ts'
import { raise } from './raise.ts'
import { runs } from './runs.ts'
import { settle } from './settle.ts'
import { signal } from './signal.ts'
import { torture } from './torture.ts'

const commands: readonly Command[] = [cancel, copy, raise, runs, settle, signal, torture]

export async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args
  try {
    if (first === undefined || first === '--help' || first === '-h' || first === 'help') return help(rest[0])
    if (first === '--version' || first === '-v') return say(version())
    const command = find(first)
    if (rest.includes('--help') || rest.includes('-h')) return say(command.help)
    return await command.run(rest)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const about = commands.some(({ name }) => name === first) ? ` ${String(first)}` : ''
    process.stderr.write(`holdfast: ${error.message}\nTry: holdfast${about} --help\n`)
    return 2
  }
}

function find(name: string): Command {
  const command = commands.find((one) => one.name === name)
  if (command !== undefined) return command
  throw new UsageError(name.startsWith('-') ? `Unknown option '${name}'` : `Unknown command '${name}'`)
}

function help(name: string | undefined): number {
  return say(name === undefined ? overview() : find(name).help)
}

function overview(): string {
  const widest = Math.max(...commands.map(({ name }) => name.length))
  return [
    'Usage: holdfast <command> [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`),
    '',
    'Options:',
    '  --help     what a command does: holdfast <command> --help',
    '  --version  the version of this package',
  ].join('\n')
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

/** From the package that this file is part of. */
function version(): string {
  const text = readFileSync(new URL('package.json', packagePlace), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
