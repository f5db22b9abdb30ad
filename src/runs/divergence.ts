// The report of a run whose code has changed under it: what the record says, what the code does, and what can be done.
//
// The run is kept as it is: nothing of what the changed code did has been recorded but this report.

import { inspect } from 'node:util'
import type { Seq } from '../core/numbers.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import { nameOfKey } from './step-key.ts'

/** What is found where the two part. */
export interface FoundDivergence {
  readonly id: string
  /** The event at which it was noticed. */
  readonly seq: Seq
  /** Keys that the record has and the code didn't ask for. */
  readonly recorded: readonly string[]
  /** Keys that the code asked for and the record doesn't have. */
  readonly attempted: readonly string[]
  /** When the key is the same and what is asked for isn't: 'step', 'sleep', 'wait' … */
  readonly kind?: { readonly recorded: string; readonly attempted: string }
  /** When a step is the same but its input isn't: where the two first differ. */
  readonly input?: { readonly path: string; readonly recorded: unknown; readonly attempted: unknown }
  /** The function has returned where the record goes on. */
  readonly returned?: boolean
}

export interface CodeVersions {
  readonly recorded?: string
  readonly attempted?: string
}

/** One way to go on. */
export interface DivergenceRepair {
  readonly repair: 'old-code' | 'patched' | 'renamed' | 'fork'
  /** What it does for this run and for new ones. */
  readonly what: string
  /** The code of it. */
  readonly how: string
}

export interface Divergence extends FoundDivergence {
  /** The type of that event. */
  readonly event: string
  /** As they were given to journal.run(): of the code that recorded the event, and of the code that was run on it. */
  readonly versions: CodeVersions
  readonly repairs: readonly DivergenceRepair[]
}

/** `found` says enough for who only notices; who knows the event and the versions completes it. */
export function diverged(
  found: FoundDivergence,
  place: { readonly event?: string; readonly versions?: CodeVersions } = {},
): HoldfastError {
  const { event = 'run.step', versions = {} } = place
  const report: Divergence = { ...found, event, versions, repairs: repairsOf(found) }
  return new HoldfastError('RUN_DIVERGED', `the code of run ${JSON.stringify(found.id)} ${sentence(found)}`, {
    hint:
      'The run is kept: with the code that it began with it goes on. To go on with the new code, mark the change with ' +
      'run.patched(), name what was renamed, or fork the run; explainDivergence(error) shows how.',
    details: { ...report },
  })
}

/** What a RUN_DIVERGED error, or the report in its details, means and what to do about it: some lines for people. */
export function explainDivergence(diverged: unknown): string {
  const report = isHoldfastError(diverged, 'RUN_DIVERGED') ? diverged.details : diverged
  if (!isReport(report)) return `not a RUN_DIVERGED error: ${shown(diverged)}`
  const { id, seq, event, versions, repairs } = report
  const rows = [
    ['where', `event ${seq} (${event}) of run ${JSON.stringify(id)}`],
    ['the record', `${recordedText(report)}${versionText(versions.recorded)}`],
    ['the code', `${attemptedText(report)}${versionText(versions.attempted)}`],
    ...differenceRow(report),
  ]
  return [
    `The code of run ${JSON.stringify(id)} has changed under it: it ${sentence(report)}.`,
    '',
    ...rows.map(([label = '', text = '']) => `  ${label.padEnd(10)}  ${text}`),
    '',
    'The run is kept as it is. What can be done:',
    ...repairs.flatMap(({ what, how }) => ['', `  ${what}`, ...how.split('\n').map((line) => `    ${line}`)]),
  ].join('\n')
}

/** The report as it can be journaled whatever its values are. */
export function inWords(report: Divergence): Divergence {
  if (report.input === undefined) return report
  const { path, recorded, attempted } = report.input
  return { ...report, input: { path, recorded: shown(recorded), attempted: shown(attempted) } }
}

function sentence({ recorded, attempted, input, kind, returned, seq }: FoundDivergence): string {
  const at = `where event ${seq} was recorded`
  if (kind !== undefined) {
    return `asks for a ${kind.attempted} under the name of the ${kind.recorded} ${list(recorded)}, ${at}`
  }
  if (input !== undefined) return `calls ${list(attempted)} with another input at ${input.path}, ${at}`
  if (returned === true && recorded.length === 0) return `has ended ${at}`
  if (attempted.length === 0) return `no longer asks for ${list(recorded)}, ${at}`
  if (recorded.length === 0) return `also asks for ${list(attempted)}, ${at}`
  return `asks for ${list(attempted)} instead of ${list(recorded)}, ${at}`
}

function recordedText({ recorded, kind, returned }: Divergence): string {
  if (recorded.length === 0) return returned === true ? 'goes on' : 'asks for nothing more here'
  return `asks for ${kind === undefined ? '' : `the ${kind.recorded} `}${list(recorded)}`
}

function attemptedText({ attempted, kind, returned }: Divergence): string {
  if (attempted.length === 0) return returned === true ? 'has returned or thrown' : "doesn't ask for it"
  return `asks for ${kind === undefined ? '' : `the ${kind.attempted} `}${list(attempted)}`
}

function versionText(version: string | undefined): string {
  return version === undefined ? '' : `   (version ${JSON.stringify(version)})`
}

function differenceRow({ input }: Divergence): string[][] {
  if (input === undefined) return []
  return [
    ['differs at', `${input.path}: ${shown(input.recorded)} in the record, ${shown(input.attempted)} in the code`],
  ]
}

function repairsOf({ id, seq, recorded, attempted, kind, input }: FoundDivergence): DivergenceRepair[] {
  const run = JSON.stringify(id)
  const change = JSON.stringify(attempted[0] === undefined ? `no ${recorded[0] ?? 'more'}` : nameOfKey(attempted[0]))
  const renames = kind === undefined && input === undefined ? renamesOf(recorded, attempted) : []
  const all: (DivergenceRepair | undefined)[] = [
    {
      repair: 'patched',
      what: 'mark the change: new runs take the new way, those that are past it stay on the old one',
      how: `if (run.patched(${change})) { /* the new way */ } else { /* the old one */ }`,
    },
    renames.length === 0
      ? undefined
      : {
          repair: 'renamed',
          what: 'if it is the same thing under another name, say so',
          how: `journal.run(${run}, fn, { renamed: { ${renames.join(', ')} } })`,
        },
    seq < 2
      ? undefined
      : {
          repair: 'fork',
          what: 'or leave this run as it is, and go on in a new one with the same history up to here',
          how: `const { id } = await journal.fork(${run}, { at: ${seq - 1} })\nawait journal.run(id, fn)`,
        },
    {
      repair: 'old-code',
      what: 'or finish this run with the code that it began with',
      how: `journal.run(${run}, theOldFunction)`,
    },
  ]
  return all.filter((one) => one !== undefined)
}

function renamesOf(recorded: readonly string[], attempted: readonly string[]): string[] {
  if (recorded.length !== attempted.length) return []
  return recorded.map(
    (key, index) => `${JSON.stringify(nameOfKey(key))}: ${JSON.stringify(nameOfKey(attempted[index] ?? ''))}`,
  )
}

function list(keys: readonly string[]): string {
  const some = keys.slice(0, 5).map((key) => JSON.stringify(key))
  return keys.length > some.length ? `${some.join(', ')} and ${keys.length - some.length} more` : some.join(', ')
}

const shownMax = 200

function shown(value: unknown): string {
  const text = inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY, maxStringLength: shownMax })
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text
}

function isReport(value: unknown): value is Divergence {
  if (typeof value !== 'object' || value === null) return false
  return 'seq' in value && 'recorded' in value && 'attempted' in value && 'repairs' in value
}
