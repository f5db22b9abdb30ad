// What the journal knows of a run before anything of it is replayed: how it was created, and how it ended if it did.

import { HoldfastError } from '../errors.ts'
import type { Journal } from '../journal.ts'
import { thrownOf } from './error-record.ts'
import { endings, type RunCreated, type RunData, type RunEvent, runEvents, streamOf } from './run-event.ts'

export interface RunRecord {
  readonly id: string
  readonly created: RunCreated
  readonly createdAt: number
}

export interface RunEnding {
  readonly type: string
  readonly data: RunData
}

export interface RunOpening {
  readonly record: RunRecord
  readonly ending: RunEnding | undefined
  /** All that its stream had behind its first event; undefined where that is too much to be read before it is needed. */
  readonly behind: readonly RunEvent[] | undefined
}

/** Most runs have fewer events of others behind the last of their driver. */
const newestFew = 8
/** Most runs that are taken on have not come further. */
const firstFew = 16

/** Undefined when there is no such run. */
export async function readRecord(journal: Journal, id: string): Promise<RunRecord | undefined> {
  const [first] = await journal.read(streamOf(id), { to: 1, limit: 1 }).toArray()
  if (first === undefined) return undefined
  return { id, created: first.data as RunCreated, createdAt: first.time }
}

/** What there is to know of a run before it is executed, of most in one read. Undefined when there is no such run. */
export async function readOpening(journal: Journal, id: string): Promise<RunOpening | undefined> {
  const [first, ...behind] = await journal.read(streamOf(id), { limit: firstFew }).toArray()
  if (first === undefined || first.seq !== 1) return undefined
  const record = { id, created: first.data as RunCreated, createdAt: first.time }
  if (behind.length + 1 === firstFew) return { record, ending: await readEnding(journal, id), behind: undefined }
  const events = behind as unknown as readonly RunEvent[]
  return { record, ending: events.findLast(({ type }) => endings.includes(type)), behind: events }
}

/** Undefined while it hasn't ended. An end is the last that a run's driver appends, so what lies before another event of a
 * driver isn't read. */
export async function readEnding(journal: Journal, id: string): Promise<RunEnding | undefined> {
  for (const limit of [newestFew, undefined]) {
    const newest = journal.read(streamOf(id), { direction: 'backward', ...(limit === undefined ? {} : { limit }) })
    let met = 0
    for await (const event of newest) {
      met += 1
      const data = event.data as RunData
      if (endings.includes(event.type)) return { type: event.type, data }
      if ('seen' in data || event.seq === 1) return undefined
    }
    if (met < newestFew) return undefined
  }
  return undefined
}

/** What a run that has ended gives to who asks for its result. */
export function resultOf(id: string, { type, data }: RunEnding): unknown {
  if (type === runEvents.completed) return data.result
  if (type === runEvents.failed) throw thrownOf(data.error)
  const { reason } = data
  throw new HoldfastError(
    'RUN_CANCELLED',
    typeof reason === 'string' ? reason : `run ${JSON.stringify(id)} was cancelled`,
    {
      details: { id },
    },
  )
}

export function unknownRun(id: string): HoldfastError {
  return new HoldfastError('RUN_UNKNOWN', `there is no run ${JSON.stringify(id)}`, {
    hint: 'Look at its id; journal.runs() lists the runs that there are.',
    details: { id },
  })
}
