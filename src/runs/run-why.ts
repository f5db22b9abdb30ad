// One sentence why a run stands where it stands, and what brings it on: for people.

import type { Divergence } from './divergence.ts'
import { agendaIdOf, runEvents } from './run-event.ts'
import { type OpenWait, type RunEnd, type RunFold, timeText } from './run-fold.ts'
import { endedWhy, foldOf, type ListHost, restStates, standing } from './run-list.ts'
import { readRecord, unknownRun } from './run-record.ts'

/** Rejects with RUN_UNKNOWN. */
export async function whyRun(host: ListHost, id: string): Promise<string> {
  const { journal } = host
  const record = await readRecord(journal, id)
  if (record === undefined) throw unknownRun(id)
  const fold = await foldOf(journal, record)
  const run = `run ${JSON.stringify(id)}`
  if (fold.end !== undefined) return `${run} ${endText(fold.end)}`
  const lease = agendaIdOf(record.created.name, id)
  const { state } = await standing(host, { id: lease }, fold)
  if (fold.diverged !== undefined) return `${run} ${divergedText(fold)}`
  if (fold.rest !== undefined) return `${run} ${restText(fold.rest)}; ${bringsOn(fold.rest, journal.target, id)}`
  const said = await entrySaid(host, lease)
  if (said?.state === 'queued') return `${run} ${said.why}`
  if (said !== undefined)
    return `${run} ${said.why} since ${timeText(fold.last?.time ?? record.createdAt)}; it goes on when that comes`
  const held = await journal.leases.get(lease)
  const since = timeText(fold.last?.time ?? record.createdAt)
  const asked = openText(fold)
  if (state === 'running') return `${run} is at work since ${since}${asked}, driven by ${JSON.stringify(held?.owner)}`
  const way = 'journal.run() with its function, or a worker that knows its name, takes it on'
  if (held?.held === true) return `${run} was left by its process${asked}, and nothing has come since ${since}; ${way}`
  return `${run} waits to be driven since ${since}${asked}; ${way}`
}

/** What its entry of the agenda says that it waits for, or why it is queued: what the record alone doesn't show. */
async function entrySaid(
  { journal }: ListHost,
  lease: string,
): Promise<{ readonly state: unknown; readonly why: string } | undefined> {
  const entry = (await journal.agenda.list({ prefix: lease })).find(({ id }) => id === lease)
  const { state, why } = (entry?.data ?? {}) as { readonly state?: unknown; readonly why?: unknown }
  return (restStates.includes(state) || state === 'queued') && typeof why === 'string' ? { state, why } : undefined
}

function endText({ type, data, time }: RunEnd): string {
  const did = type === runEvents.completed ? 'completed' : type === runEvents.failed ? 'failed' : 'was cancelled'
  const why = endedWhy(data)
  return `${did} at ${timeText(time)}${why === undefined ? '' : `: ${why}`}`
}

function divergedText({ diverged }: RunFold): string {
  const { seq, recorded = [], attempted = [] } = (diverged?.data ?? {}) as unknown as Partial<Divergence>
  const keys = `the record has ${listed(recorded)}, the code asked for ${listed(attempted)}`
  const way = 'its old code goes on with it, and explainDivergence() shows how new code can'
  return `stands since ${timeText(diverged?.time)} because its code has changed, found at event ${seq}: ${keys}; ${way}`
}

function restText({ why, time, type, seq, state, due }: OpenWait): string {
  const latest = state === 'waiting' && due !== undefined ? `, until ${timeText(due)} at the latest` : ''
  return `${why} since ${timeText(time)}${latest}, asked for by ${type} at event ${seq}`
}

function bringsOn({ state, signal, key, type }: OpenWait, target: string, id: string): string {
  if (signal !== undefined) return `\`holdfast signal ${words(target, id, signal)}\` brings it on`
  if (state === 'parked' && key === '') return `journal.raise(${JSON.stringify(id)}, { … }) gives it more`
  if (state === 'parked')
    return settlesText(type, words(target, id, key), `${JSON.stringify(id)}, ${JSON.stringify(key)}`)
  return state === 'sleeping' ? 'it goes on by itself then' : 'it goes on when that comes'
}

/** What a person can say of it, and how: in a terminal and in code. */
function settlesText(type: string, inTerminal: string, inCode: string): string {
  const isUndo = type === runEvents.compensationFailed
  const ways = isUndo
    ? ['--done', 'if it is undone by now', '--not-done', 'to try again', '--error text', 'to leave it as it is']
    : ['--done [json]', 'if it took effect', '--not-done', 'if it did not', '--error text', 'if it counts as failed']
  const [done, whenDone, notDone, whenNot, error, whenError] = ways
  const inOneOf = `{ done: true${isUndo ? '' : ', result'} }, { done: false } or { error }`
  const command = `\`holdfast settle ${inTerminal} ${done}\``
  return `a person decides: ${command} ${whenDone}, ${notDone} ${whenNot}, ${error} ${whenError} (in code journal.settle(${inCode}, …) with ${inOneOf})`
}

function openText({ open }: RunFold): string {
  const keys = [...open].filter(([, wait]) => wait === undefined).map(([key]) => key)
  return keys.length === 0 ? '' : ` on ${listed(keys)}`
}

const listedMax = 3

function listed(keys: readonly string[]): string {
  if (keys.length === 0) return 'nothing'
  const some = keys.slice(0, listedMax).map((key) => JSON.stringify(key))
  return keys.length > listedMax ? `${some.join(', ')} and ${keys.length - listedMax} more` : some.join(', ')
}

/** As a shell takes them. */
function words(...all: readonly string[]): string {
  return all.map((word) => (/^[\w./:@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
}
