// Appending to a journal that another process may have open for writing: to signal, approve, settle or cancel from
// outside while an agent runs. The owner applies it, usually within milliseconds; where nobody has the journal open,
// this process opens it, appends and closes it again.
//
// Either way it takes effect once: that is what the command id is for, and why there is none without.

import { resolve } from 'node:path'
import { parseDuration } from './core/duration.ts'
import { createPayloadCodec } from './core/payload.ts'
import { createEventRegistry, type EventDefinitions } from './core/schema.ts'
import { nodeDisk } from './disks/node-disk.ts'
import type { CommandBatch } from './engine/inbox-command.ts'
import { sendCommand } from './engine/inbox-sender.ts'
import { isOwned } from './engine/owner.ts'
import { HoldfastError, isHoldfastError } from './errors.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { keepAlive } from './host/keep-alive.ts'
import { Appender } from './journal/append.ts'
import type { AppendOptions, Duration } from './journal/append-options.ts'
import { checkObject, invalidArgument } from './journal/argument.ts'
import type { EventInput, NoDefinitions, StreamEventInput, UntypedInput } from './journal/event.ts'
import type { JournalOptions } from './journal.ts'
import { parseTarget, type Target } from './open.ts'
import { openDirectory } from './open-directory.ts'
import type { FileStore } from './stores/file/file-store.ts'
import type { Receipt, Store } from './stores/store.ts'

export interface SubmitOptions<D extends EventDefinitions = NoDefinitions>
  extends Omit<AppendOptions, 'durability'>,
    Pick<JournalOptions<D>, 'events' | 'codecs' | 'redact' | 'clock'> {
  /** The caller's name for this change: submitted again with the same id, it takes effect once all the same. */
  readonly commandId: string
  /** How long to wait for the owner; '10s' by default. Past it, OWNER_SILENT: the change stays queued. */
  readonly timeout?: Duration
  /** Ends the wait with ABORTED. What is queued by then stays queued. */
  readonly signal?: AbortSignal
}

/** Appends to one stream of a journal, through the process that has it open if there is one. Acknowledged means durable.
 * The journal must exist. */
export function submit<const D extends EventDefinitions = NoDefinitions>(
  target: string | URL,
  stream: string,
  events: EventInput<D> | readonly EventInput<D>[],
  options: SubmitOptions<D>,
): Promise<Receipt>
/** Appends to several streams at once, each event naming its own. */
export function submit<const D extends EventDefinitions = NoDefinitions>(
  target: string | URL,
  events: readonly StreamEventInput<D>[],
  options: SubmitOptions<D>,
): Promise<Receipt>
export async function submit(
  target: string | URL,
  first: string | readonly StreamEventInput<NoDefinitions>[],
  second: UntypedInput | readonly UntypedInput[] | SubmitOptions,
  third?: SubmitOptions,
): Promise<Receipt> {
  const options = (typeof first === 'string' ? third : second) as SubmitOptions | undefined
  checkObject(options, 'the options of submit')
  const { events, codecs, redact, timeout = '10s', signal, clock = systemClock } = options as SubmitOptions
  const timeoutMs = parseDuration(timeout, 'timeout')
  const place = placeOf(target)
  const registry = events === undefined ? undefined : createEventRegistry(events)
  const appender = new Appender({ codec: createPayloadCodec(codecs), registry, redact, durability: 'sync' })
  const batch = await appender.batch(first, second, third)
  if (!hasCommand(batch)) {
    throw invalidArgument(
      'commandId',
      'given',
      'Name the change, so that it takes effect once however often it is sent.',
    )
  }
  const letGo = keepAlive()
  try {
    if (place.kind !== 'file') return await appendBeside(await openDatabase(place, clock), batch)
    const { path } = place
    return (await appendAsOwner(path, batch, clock)) ?? (await handOver(path, batch, { clock, timeoutMs, signal }))
  } finally {
    letGo()
  }
}

type Place = Exclude<Target, { readonly kind: 'memory' }>

function placeOf(target: string | URL): Place {
  const parsed = parseTarget(target)
  if (parsed.kind === 'postgres') return parsed
  if (parsed.kind !== 'memory') return { ...parsed, path: resolve(parsed.path) }
  throw new HoldfastError('UNSUPPORTED', `no other process can have ${String(target)} open`, {
    hint: 'Append to it where it was opened.',
  })
}

async function openDatabase(place: Exclude<Place, { readonly kind: 'file' }>, clock: Clock): Promise<Store> {
  const options = { create: 'never', clock } as const
  if (place.kind === 'sqlite') return (await import('./open-sqlite.ts')).openSqlite(place.path, options)
  return (await import('./open-postgres.ts')).openPostgresStore(place.url, options)
}

function hasCommand(batch: Partial<CommandBatch>): batch is CommandBatch {
  return batch.command !== undefined
}

/** undefined when another process has it open for writing. */
async function appendAsOwner(path: string, batch: CommandBatch, clock: Clock): Promise<Receipt | undefined> {
  const store = await openUnlessLocked(path, clock)
  return store === undefined ? undefined : appendBeside(store, batch)
}

/** In a store of many writers, whoever else has it open. */
async function appendBeside(store: Store, batch: CommandBatch): Promise<Receipt> {
  try {
    return await store.append(batch)
  } finally {
    // Safe: what was acknowledged is durable, and what was not has said why.
    await store.close().catch(() => undefined)
  }
}

async function openUnlessLocked(path: string, clock: Clock): Promise<FileStore | undefined> {
  try {
    return await openDirectory(path, { create: 'never', clock, lockAttempts: 1 })
  } catch (error) {
    if (!isHoldfastError(error, 'LOCKED')) throw error
    return undefined
  }
}

function handOver(
  path: string,
  batch: CommandBatch,
  options: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<Receipt> {
  const { clock, timeoutMs, signal } = options
  const disk = nodeDisk(path)
  let looksWithoutOwner = 0
  const whileSilent = async (): Promise<void> => {
    looksWithoutOwner = (await isOwned(disk)) ? 0 : looksWithoutOwner + 1
    // Twice, so as not to get in the way of an owner that is just restarting.
    if (looksWithoutOwner < 2) return
    looksWithoutOwner = 0
    // The owner has died. Opening the journal applies what is queued, this command with it.
    await (await openUnlessLocked(path, clock))?.close()
  }
  return sendCommand(disk, clock, batch, { timeoutMs, signal, whileSilent })
}
