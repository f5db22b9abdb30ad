// A command on its way to the process that has the journal open for writing: its file's name, and its content.
//
// A name is the time of sending, the SHA-256 of the command id, and what makes each sending its own: so names sort by
// time, carry nothing of what users wrote, and two senders of one id each get their answer.

import { createHash } from 'node:crypto'
import { digestBatch } from '../core/digest.ts'
import { checkName } from '../core/names.ts'
import type { TimeMs } from '../core/numbers.ts'
import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Batch } from '../stores/store.ts'
import { batchJson, readBatch } from './inbox-batch.ts'
import { foreignFile, inboxLine, readInboxLine } from './inbox-line.ts'
import { folders } from './layout.ts'

export type Command = NonNullable<Batch['command']>
export type CommandBatch = Batch & { readonly command: Command }

const commandSuffix = '.json'
const replySuffix = '.reply'
const namePattern = /^\d{15}-[0-9a-f]{64}-[0-9a-f]{16}$/

/** `unique`: 16 hexadecimal digits. */
export function commandName(id: string, sending: { readonly time: TimeMs; readonly unique: string }): string {
  const time = String(Math.max(0, Math.trunc(sending.time))).padStart(15, '0')
  return `${time}-${idDigest(id)}-${sending.unique}`
}

export function commandPath(name: string): string {
  return `${folders.inbox}/${name}${commandSuffix}`
}

export function replyPath(name: string): string {
  return `${folders.inbox}/${name}${replySuffix}`
}

/** The name of the command whose file this is; undefined when it is none. */
export function commandOfFile(file: string): string | undefined {
  if (!file.endsWith(commandSuffix)) return undefined
  const name = file.slice(0, -commandSuffix.length)
  return namePattern.test(name) ? name : undefined
}

export function isReplyFile(file: string): boolean {
  return file.endsWith(replySuffix)
}

/** Throws TOO_LARGE. */
export function encodeCommand(batch: CommandBatch): Buffer {
  const { id, digest } = batch.command
  const line = inboxLine(`"command":${JSON.stringify({ id, digest })},"batch":${JSON.stringify(batchJson(batch))}`)
  if (line.length <= limits.inboxCommandBytesMax) return line
  throw new HoldfastError('TOO_LARGE', `the command ${JSON.stringify(id)} has ${line.length} bytes`, {
    hint: `The limit for what is handed to another process is ${limits.inboxCommandBytesMax}. Append it in parts.`,
    details: { bytes: line.length, bytesMax: limits.inboxCommandBytesMax },
  })
}

/** Throws FOREIGN_FILE, NEWER_FORMAT or DAMAGED. `name` is the one under which it was found. */
export function decodeCommand(bytes: Buffer, name: string): CommandBatch {
  const file = commandPath(name)
  const { command, batch: json } = readInboxLine(bytes, file) as { readonly command: unknown; readonly batch: unknown }
  const batch = readBatch(json)
  if (batch === undefined) throw foreignFile(file, 'it holds no batch')
  if (!isCommand(command) || name.slice(16, 80) !== idDigest(command.id))
    throw foreignFile(file, 'it is not named for its id')
  if (digestBatch(batch) !== command.digest) throw foreignFile(file, 'its digest is not that of its content')
  return { ...batch, command: { id: command.id, digest: command.digest } }
}

function isCommand(value: unknown): value is Command {
  if (typeof value !== 'object' || value === null) return false
  const { id, digest } = value as Partial<Command>
  try {
    checkName(id, 'command id')
  } catch {
    return false // told as a foreign file
  }
  return typeof digest === 'string'
}

function idDigest(id: string): string {
  return createHash('sha256').update(id, 'utf8').digest('hex')
}
