// Telling a run something from a process that doesn't drive it: a person at another terminal, who approves or cancels while the
// agent is at work. In a database the journal is opened beside whoever has it open. A directory has one writer: it is read
// beside that, and what is told goes through the writer's inbox (submit.ts); where nobody has it open, it is opened here.

import { randomBytes } from 'node:crypto'
import { systemClock } from './host/clock.ts'
import { open, parseTarget } from './open.ts'
import { streamOf } from './runs/run-event.ts'
import { cancelTelling, findTold, signalTelling, type Telling, toldEntry } from './runs/run-teller.ts'
import { type SubmitOptions, submit } from './submit.ts'

export interface RunControlOptions extends Pick<SubmitOptions, 'codecs' | 'redact' | 'timeout' | 'signal' | 'clock'> {
  /** The caller's name for this: told again with the same id, it takes effect once. Made up if not given. */
  readonly commandId?: string
}

/** Tells a run of the journal at `target` something that it waits for, or will wait for. Resolves when that is durable; rejects
 * with RUN_UNKNOWN, RUN_ENDED, JOURNAL_MISSING, or OWNER_SILENT when the process that has the directory open doesn't answer. */
export function signalRun(
  target: string | URL,
  id: string,
  name: string,
  data?: unknown,
  options: RunControlOptions = {},
): Promise<void> {
  return tell(target, id, signalTelling(name, data), options)
}

/** Asks a run of the journal at `target` to end, and its children. Rejects as signalRun() does. */
export function cancelRun(
  target: string | URL,
  id: string,
  { reason, ...options }: RunControlOptions & { readonly reason?: string } = {},
): Promise<void> {
  return tell(target, id, cancelTelling(reason), options)
}

async function tell(target: string | URL, id: string, telling: Telling, options: RunControlOptions): Promise<void> {
  const { commandId = `told-${randomBytes(16).toString('hex')}`, clock = systemClock, ...rest } = options
  // What can't be reached from another process is refused by submit, before it is looked at.
  const record = parseTarget(target).kind === 'memory' ? undefined : await find(target, id, commandId)
  const agenda = record === undefined ? [] : [toldEntry(record)]
  await submit(target, streamOf(id), telling, { ...rest, clock, agenda, commandId })
}

async function find(target: string | URL, id: string, commandId: string): ReturnType<typeof findTold> {
  await using journal = await open(target, { readOnly: true, create: 'never' })
  return await findTold(journal.untyped, id, { commandId })
}
