// What a run has come to, from its events: how each thing that it asked for ended, and how it ended itself. Lives that were
// cut off, however often, must give the same as an undisturbed one; what only says how it came about is left out.

import { runEvents } from '../../src/runs/run-event.ts'

export interface RecordedEvent {
  readonly run: string
  readonly seq: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** What differs from life to life: long-run.mjs holds each against itself. */
const drawn: readonly string[] = ['kept', 'now', 'winner']
/** What is said of each kind of event. All other kinds tell how it came about: intents, verdicts, retries of tools. */
const said: Readonly<Record<string, readonly string[]>> = {
  [runEvents.created]: ['name', 'input', 'budgets', 'parent', 'depth'],
  [runEvents.step]: ['key', 'result', 'error', 'attempts', 'charge'],
  [runEvents.stepRetried]: ['key', 'attempt', 'error'],
  [runEvents.tool]: ['key', 'result', 'error'],
  [runEvents.sleep]: ['key'],
  [runEvents.woke]: ['key'],
  [runEvents.wait]: ['key', 'name'],
  [runEvents.waitTimedOut]: ['key'],
  [runEvents.signal]: ['name', 'data'],
  [runEvents.emitted]: ['key', 'output'],
  [runEvents.annotated]: ['key', 'text', 'details'],
  'proof.noted': ['key', 'result'],
  [runEvents.charged]: ['key', 'charge'],
  [runEvents.parked]: ['budget', 'spent', 'limit'],
  [runEvents.raised]: ['budgets'],
  [runEvents.child]: ['key', 'id', 'name'],
  [runEvents.childEnded]: ['key', 'id', 'end', 'result'],
  [runEvents.unwinding]: ['error', 'ends'],
  [runEvents.completed]: ['result', 'abandoned', 'ambiguous'],
  [runEvents.failed]: ['error', 'abandoned', 'ambiguous', 'compensated', 'left'],
  [runEvents.cancelled]: ['reason'],
  [runEvents.diverged]: ['error'],
}

/** A line for each, sorted: the same lines are the same outcome. */
export function outcomeOf(events: readonly RecordedEvent[]): readonly string[] {
  return events.flatMap(({ run, type, data }) => lineOf(run, type, data)).sort()
}

function lineOf(run: string, type: string, data: RecordedEvent['data']): readonly string[] {
  // A person's word counts like the tool's own.
  if (type === runEvents.toolSettled) return data.done === true ? lineOf(run, runEvents.tool, data) : []
  const names = said[type]
  if (names === undefined) return []
  const isDrawn = type === runEvents.step && drawn.includes(String(data.key))
  const told = names.filter((name) => name in data && !(isDrawn && name === 'result'))
  return [`${run} ${type} ${JSON.stringify(Object.fromEntries(told.map((name) => [name, plain(data[name])])))}`]
}

/** Errors hold the lines of files in which they were made. */
function plain(value: unknown): unknown {
  return value instanceof Error ? `${value.name}: ${value.message}` : value
}
