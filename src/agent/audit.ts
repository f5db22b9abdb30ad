// What a loop did, for people: its newest entries with secrets hidden and long arguments cut, and how far it has come.
// Only a view: the journal keeps what resuming needs.

import { checkWhole } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import { streamOf } from '../runs/run-event.ts'
import { type AgentEventType, type AgentStamp, agentEvents, agentEventTypes, entryOf } from './agent-event.ts'
import { isSensitiveKey, redactedView } from './redacted.ts'

export interface AuditOptions {
  /** How many entries; 20 by default. */
  readonly last?: number
  /** Of this agent alone; by default of all agents of the run, in the order in which it happened. */
  readonly agent?: string
  /** Texts longer than this are cut; 200 characters by default. */
  readonly lengthMax?: number
  /** Keys whose values are hidden, beside those that are by their name. */
  readonly sensitive?: readonly string[]
}

export interface AuditEntry {
  readonly seq: number
  readonly position: number
  readonly time: number
  readonly agent: string
  readonly iteration: number
  readonly type: AgentEventType
  /** The rest of the entry. */
  readonly details: Readonly<Record<string, unknown>>
  /** Something long was cut. */
  readonly isCut: boolean
  /** Something sensitive was hidden. */
  readonly isRedacted: boolean
}

/** The newest entries of a run's loops, oldest of them first. */
export async function auditOf(
  journal: Journal,
  id: string,
  options: AuditOptions = {},
): Promise<readonly AuditEntry[]> {
  const { agent, lengthMax = 200, sensitive = [] } = options
  const last = checkWhole(options.last ?? 20, 'last')
  const terms = {
    lengthMax: checkWhole(lengthMax, 'lengthMax'),
    isSensitive: (key: string) => isSensitiveKey(key) || sensitive.includes(key),
  }
  const newestFirst: AuditEntry[] = []
  if (last === 0) return newestFirst
  for await (const event of journal.read(streamOf(id), { direction: 'backward', types: agentEventTypes })) {
    const entry = entryOf(event)
    if (entry === undefined || (agent !== undefined && entry.agent !== agent)) continue
    const { agent: whose, iteration, ...rest } = entry
    const { value, isCut, isRedacted } = redactedView(rest, terms)
    const { seq, position, time } = event
    const details = value as Readonly<Record<string, unknown>>
    const type = event.type as AgentEventType
    newestFirst.push({ seq, position, time, agent: whose, iteration, type, details, isCut, isRedacted })
    if (newestFirst.length === last) break
  }
  return newestFirst.reverse()
}

/** The last iteration of an agent that is complete, 0 when none is: one that has only begun doesn't count. */
export async function lastCompletedIteration(journal: Journal, id: string, agent: string = id): Promise<number> {
  const types = [agentEvents.observed, agentEvents.terminated]
  for await (const event of journal.read(streamOf(id), { direction: 'backward', types })) {
    const entry: AgentStamp | undefined = entryOf(event)
    if (entry?.agent === agent) return entry.iteration
  }
  return 0
}
