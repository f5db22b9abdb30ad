// The other side of the inbox: hands a command to the process that has the journal open for writing, and waits for the
// outcome. Once the command's file has its name it is durable, and giving up the wait does not take it back.
//
// A sender that takes a reply removes the command first, if it is still there, and durably: a refusal that was told must
// not turn into an effect later, whichever process dies meanwhile.

import type { Disk } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { type Random, systemRandom } from '../host/random.ts'
import { limits } from '../limits.ts'
import type { Receipt } from '../stores/store.ts'
import {
  type CommandBatch,
  commandName,
  commandOfFile,
  commandPath,
  encodeCommand,
  replyPath,
} from './inbox-command.ts'
import { type Reply, readReply } from './inbox-reply.ts'
import { Wait } from './inbox-wait.ts'
import { folders } from './layout.ts'
import { ensureDirectory, listNames, removeIfThere, writeWholeFile } from './whole-file.ts'

export interface SendOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Called now and then while no reply comes: the chance to look whether there is an owner at all. */
  readonly whileSilent?: () => Promise<void>
  readonly random?: Random
}

/** Rejects with what the owner said, or with QUEUE_FULL, TOO_LARGE, OWNER_SILENT, ABORTED and what the disk says. */
export async function sendCommand(
  disk: Disk,
  clock: Clock,
  batch: CommandBatch,
  options: SendOptions,
): Promise<Receipt> {
  const { id } = batch.command
  const { timeoutMs, signal, whileSilent, random = systemRandom } = options
  const line = encodeCommand(batch)
  const isAborted = (): boolean => signal?.aborted ?? false
  if (isAborted()) throw aborted(id, signal, 'It was not queued.')
  const name = commandName(id, { time: clock.now(), unique: random.hex(8) })
  const wait = new Wait(disk, clock, { timeoutMs, signal })
  try {
    await queue(disk, name, line)
    wait.begin()
    for (;;) {
      const reply = await takeReply(disk, name)
      if (reply !== undefined) return receiptOf(reply)
      if (isAborted()) throw aborted(id, signal, queuedHint)
      if (wait.isOver) throw ownerSilent(disk, id, timeoutMs)
      // Neither here nor answered: it was set aside, or its reply grew too old while this process stood still.
      if (!disk.existsNow(commandPath(name)) && !disk.existsNow(replyPath(name))) await queue(disk, name, line)
      if (wait.takeSilence()) await whileSilent?.()
      await wait.next()
    }
  } catch (error) {
    throw sendingError(error, disk)
  } finally {
    wait.end()
  }
}

async function queue(disk: Disk, name: string, line: Uint8Array): Promise<void> {
  if (await ensureDirectory(disk, folders.inbox)) await disk.syncDirectory('')
  const waiting = (await listNames(disk, folders.inbox)).filter((file) => commandOfFile(file) !== undefined)
  if (waiting.length >= limits.inboxCommandsMax) {
    throw new HoldfastError('QUEUE_FULL', `${waiting.length} commands are waiting in ${disk.label}`, {
      hint: 'The process that has the journal open for writing does not apply them. Wake it, or end it: then they are applied at the next opening.',
      details: { waiting: waiting.length, waitingMax: limits.inboxCommandsMax },
    })
  }
  await writeWholeFile(disk, commandPath(name), line)
  await disk.syncDirectory(folders.inbox)
}

async function takeReply(disk: Disk, name: string): Promise<Reply | undefined> {
  const reply = await readReply(disk, name)
  if (reply === undefined) return undefined
  await removeIfThere(disk, commandPath(name))
  if (!('ok' in reply)) await disk.syncDirectory(folders.inbox)
  await removeIfThere(disk, replyPath(name))
  return reply
}

function receiptOf(reply: Reply): Receipt {
  if ('ok' in reply) return reply.ok
  throw reply.error
}

const queuedHint =
  'It stays queued, durably, and takes effect when the journal is next written to. Repeating it with the same id is safe.'

function ownerSilent(disk: Disk, id: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'OWNER_SILENT',
    `the owner of ${disk.label} has not answered ${JSON.stringify(id)} within ${timeoutMs} ms`,
    {
      hint: queuedHint,
      details: { commandId: id, timeoutMs },
    },
  )
}

function aborted(id: string, signal: AbortSignal | undefined, hint: string): HoldfastError {
  return new HoldfastError('ABORTED', `waiting for the outcome of ${JSON.stringify(id)} was aborted`, {
    hint,
    cause: signal?.reason as unknown,
    details: { commandId: id },
  })
}

function sendingError(error: unknown, disk: Disk): unknown {
  const code = errorCodeOf(error)
  if (error instanceof HoldfastError || code === undefined) return error
  const why = `handing a command to ${disk.label} failed: ${(error as Error).message}`
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HoldfastError('DISK_FULL', why, {
      hint: 'Free some space, then repeat it with the same id.',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const hint = 'Run as the user that owns the journal.'
    return new HoldfastError('NO_PERMISSION', why, { hint, cause: error })
  }
  return new HoldfastError('IO', why, { hint: 'Repeat it with the same id: it takes effect once.', cause: error })
}
