// holdfast torture: what a user runs on a disk of their own, to see whether the journal keeps its word there.

import { type Command, positiveNumber, readArguments, UsageError, wholeNumber } from './command.ts'
import { ProgressLine } from './progress-line.ts'
import { freshDirectory, type OwnDirectory } from './torture/own-directory.ts'
import { progressText, type Report, reportText } from './torture/report.ts'
import { Torture } from './torture/torture.ts'

const help = `Usage: holdfast torture [directory] [options]

Kills processes with SIGKILL while they append, tears the unsynced end of the log, and flips bits, over and over; after each
round every append that was acknowledged must be there, unchanged, and damage must be found or harmless. Torn ends and
flipped bits are made on copies. It works in a directory of its own below the one that is given, and removes it at the end.

  directory      where to work: new, empty, or left by an earlier run; a temporary directory if not given

  --minutes n    how long (1)
  --rounds n     how many rounds, instead of a time
  --seed n       replays what is appended and broken, though not what the machine makes of it
  --keep         leave the files
  --json         print the report as one line of JSON, and nothing else
  --help         print this

Ends with 0 when nothing was lost, with 1 when something was (then the files stay), with 2 when it was called wrongly.
Ctrl-C ends it with the report so far.`

export const torture: Command = {
  name: 'torture',
  summary: 'kill, tear and flip a journal on your disk, and see whether anything is lost',
  help,
  run,
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    minutes: { type: 'string' },
    rounds: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean' },
    json: { type: 'boolean' },
  })
  if (positionals.length > 1) throw new UsageError(`One directory, not ${positionals.length}`)
  if (values.minutes !== undefined && values.rounds !== undefined)
    throw new UsageError('--minutes or --rounds, not both')
  const rounds = values.rounds === undefined ? undefined : wholeNumber(values.rounds, '--rounds', 1)
  const minutes = rounds === undefined ? positiveNumber(values.minutes ?? '1', '--minutes') : undefined
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : wholeNumber(values.seed, '--seed', 0)
  const isJson = values.json === true

  // Before anything is made that would have to be removed.
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  const directory = await freshDirectory(positionals[0], seed)
  const progress = new ProgressLine(isJson ? undefined : process.stdout)
  const work = new Torture({
    directory: directory.path,
    seed,
    stop: stop.signal,
    tell: (told) => progress.show(() => progressText(told)),
  })
  let report: Report
  try {
    report = await work.run({ rounds, untilMs: minutes === undefined ? undefined : Date.now() + minutes * 60_000 })
  } finally {
    process.removeListener('SIGINT', end)
    process.removeListener('SIGTERM', end)
    progress.end()
  }
  return finish(directory, report, { isJson, keep: values.keep === true || report.problems.length > 0 })
}

async function finish(
  directory: OwnDirectory,
  report: Report,
  { isJson, keep }: { readonly isJson: boolean; readonly keep: boolean },
): Promise<number> {
  if (!keep) await directory.remove()
  const whole = keep ? { ...report, directory: directory.path } : report
  process.stdout.write(`${isJson ? JSON.stringify(whole) : reportText(whole)}\n`)
  return report.problems.length > 0 ? 1 : 0
}
