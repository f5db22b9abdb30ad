// The answer to a command, as the process that applied it leaves it beside the command: a receipt, or the error with all
// that the sender needs to throw the same one.
//
// A reply is not synced: power that fails takes its reader with it, and the journal knows what took effect. So a reply
// that can't be read says only that its command was answered.

import type { Disk } from '../disks/disk.ts'
import { writeFully } from '../disks/whole-io.ts'
import { type ErrorCode, type ErrorDetails, HoldfastError, isHoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Receipt } from '../stores/store.ts'
import { replyPath } from './inbox-command.ts'
import { inboxLine, readInboxLine } from './inbox-line.ts'
import { readWholeFile, removeIfThere } from './whole-file.ts'

export type Reply = { readonly ok: Receipt } | { readonly error: HoldfastError }

// Receipts name streams; escaped, these may be longer than in the command.
const replyBytesMax = 2 * limits.inboxCommandBytesMax

/** In full or not at all, as seen by other processes. */
export async function writeReply(disk: Disk, name: string, reply: Reply): Promise<void> {
  const path = replyPath(name)
  const part = `${path}.part`
  await removeIfThere(disk, part)
  const file = await disk.open(part, { mode: 'write', create: 'exclusive' })
  try {
    await writeFully(file, encodeReply(reply), 0)
  } finally {
    await file.close()
  }
  await disk.rename(part, path)
}

/** undefined when there is none yet. */
export async function readReply(disk: Disk, name: string): Promise<Reply | undefined> {
  const path = replyPath(name)
  if (!disk.existsNow(path)) return undefined
  try {
    const bytes = await readWholeFile(disk, path, replyBytesMax)
    return bytes === undefined ? undefined : decodeReply(bytes, path)
  } catch (error) {
    if (!isHoldfastError(error, 'DAMAGED', 'FOREIGN_FILE', 'NEWER_FORMAT')) throw error
    return { error: unreadable(path, error) }
  }
}

function encodeReply(reply: Reply): Buffer {
  if ('ok' in reply) return inboxLine(`"ok":${JSON.stringify(reply.ok)}`)
  const { code, message, hint, details } = reply.error
  return inboxLine(`"error":${JSON.stringify({ code, message, hint, details: storable(details) })}`)
}

/** Details are for programs and may hold anything; what JSON can't write is left out rather than lose the answer. */
function storable(details: ErrorDetails): ErrorDetails {
  try {
    JSON.stringify(details)
    return details
  } catch {
    return {}
  }
}

function decodeReply(bytes: Buffer, path: string): Reply {
  const { ok, error } = readInboxLine(bytes, path) as {
    readonly ok?: Receipt
    readonly error?: {
      readonly code: ErrorCode
      readonly message: string
      readonly hint?: string
      readonly details: ErrorDetails
    }
  }
  if (ok !== undefined) return { ok }
  if (error === undefined) return { error: unreadable(path, undefined) }
  const { code, message, hint, details } = error
  return { error: new HoldfastError(code, message, hint === undefined ? { details } : { hint, details }) }
}

function unreadable(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('INDETERMINATE', `the answer in ${path} can't be read`, {
    hint: 'The command may or may not have taken effect. Repeat it with the same id: it takes effect once.',
    cause,
  })
}
