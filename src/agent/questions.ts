// What waits for a person: actions that the gate wants approved, failed tools that were escalated to a queue, and what
// was put aside for good. All of it is read from the runs' own events, so nothing can be lost between two places.

import type { Journal } from '../journal.ts'
import { idOfStream, runEvents, streamOf } from '../runs/run-event.ts'
import type { ProposedAction } from './agent-action.ts'
import { agentEvents, type EvaluatedEntry, entryOf, type ReasonedEntry, type RecoveringEntry } from './agent-event.ts'

/** Answer it with journal.signal(run, signal, …). */
export interface OpenQuestion {
  readonly run: string
  readonly agent: string
  readonly kind: 'approval' | 'escalation'
  readonly signal: string
  readonly action: ProposedAction
  /** When it was asked. */
  readonly since: number
  /** Of an approval. */
  readonly question?: string
  /** Of an escalation. */
  readonly queue?: string
  readonly error?: string
}

export interface DeadLetter {
  readonly run: string
  readonly agent: string
  readonly time: number
  readonly id: string
  readonly tool: string
  readonly input: unknown
  readonly error: RecoveringEntry['error']
}

/** What waits for a person, oldest first: of one run, or of all that haven't ended. */
export async function openQuestions(journal: Journal, id?: string): Promise<readonly OpenQuestion[]> {
  const runs = id === undefined ? await unfinishedRuns(journal) : [id]
  const found: OpenQuestion[] = []
  for (const run of runs) found.push(...(await questionsOf(journal, run)))
  return found.sort((a, b) => a.since - b.since)
}

/** Failed calls that were put aside, oldest first: of one run, or of all. */
export async function deadLetters(journal: Journal, id?: string): Promise<readonly DeadLetter[]> {
  const select = id === undefined ? { prefix: streamOf('') } : streamOf(id)
  const found: DeadLetter[] = []
  for await (const event of journal.read(select, { types: agentEvents.recovering })) {
    const entry = entryOf(event) as RecoveringEntry | undefined
    if (entry?.strategy !== 'dead-letter') continue
    const { agent, id: action, tool, input, error } = entry
    found.push({ run: idOfStream(event.stream), agent, time: event.time, id: action, tool, input, error })
  }
  return found
}

/** Each has an entry on the agenda until it ends. */
async function unfinishedRuns(journal: Journal): Promise<readonly string[]> {
  const entries = await journal.agenda.list({ prefix: 'run/' })
  // run/<name>/<id>, and a name has no slash.
  return [...new Set(entries.map(({ id }) => id.split('/').slice(2).join('/')))]
}

async function questionsOf(journal: Journal, run: string): Promise<readonly OpenQuestion[]> {
  const actions = new Map<string, ProposedAction>()
  const asked = new Map<string, OpenQuestion>()
  /** Waits that are going on, by key: the name of the signal. */
  const waits = new Map<string, string>()
  for await (const event of journal.read(streamOf(run))) {
    const data = event.data as { readonly key?: string; readonly name?: string }
    const entry = entryOf(event)
    if (event.type === agentEvents.reasoned && entry !== undefined) {
      for (const action of (entry as ReasonedEntry).actions) actions.set(action.id, action)
    } else if (event.type === agentEvents.evaluated && entry !== undefined) {
      for (const { id, signal, question } of (entry as EvaluatedEntry).decisions) {
        const action = actions.get(id)
        if (signal === undefined || action === undefined) continue
        const { agent } = entry
        const about = { run, agent, kind: 'approval', signal, action, since: event.time } as const
        asked.set(signal, question === undefined ? about : { ...about, question })
      }
    } else if (event.type === agentEvents.recovering && entry !== undefined) {
      const { agent, id, signal, queue = '', error } = entry as RecoveringEntry
      const action = actions.get(id)
      if (signal === undefined || action === undefined) continue
      asked.set(signal, {
        run,
        agent,
        kind: 'escalation',
        signal,
        action,
        since: event.time,
        queue,
        error: error.message,
      })
    } else if (event.type === runEvents.wait) {
      waits.set(String(data.key), String(data.name))
    } else if (event.type === runEvents.waitTimedOut) {
      asked.delete(waits.get(String(data.key)) ?? '')
    } else if (event.type === runEvents.signal) {
      asked.delete(String(data.name))
    } else if (event.type === agentEvents.terminated && entry !== undefined) {
      for (const [signal, { agent }] of asked) if (agent === entry.agent) asked.delete(signal)
    }
  }
  return [...asked.values()]
}
