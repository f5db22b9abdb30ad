// The lock that makes a journal have one writer (G7). Invariant: the kernel holds it, so it ends with the process,
// however that dies, and not before: a stopped process keeps it. Pid files and heartbeats give neither.
//
// Two mechanisms, which do not see each other; a journal records its own and insists on it:
//
//   flock    Linux with flock(1): the tool locks the descriptor that it inherits. Such a lock belongs to the open
//            file, not to a process, so it stays ours when the tool has ended, until our descriptor closes.
//            macOS, BSD: the same lock, taken by open(2) itself with O_EXLOCK.
//   socket   Linux without flock(1): listening on an abstract socket. Seen only within one network namespace, so two
//            containers on one volume do not exclude each other; that is why it comes second.
//            Windows: listening on a named pipe.
//
// macOS, BSD and Windows follow their documentation; the tests run on Linux.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer, type Server } from 'node:net'
import * as nodePath from 'node:path'
import { promisify } from 'node:util'
import type { DiskLock } from './disk.ts'
import { diskError, errorCodeOf } from './disk-error.ts'

export type LockMechanism = 'flock' | 'socket'

export interface LockRequest {
  readonly mechanism: LockMechanism
  /** For messages. */
  readonly path: string
  /** Opens the file that is locked, for reading and writing, with these further flags. */
  readonly open: (extraFlags: number) => Promise<number>
}

const close = promisify(fs.close)
const fstat = promisify(fs.fstat)

const locksAtOpen: boolean = ['darwin', 'freebsd', 'openbsd'].includes(process.platform)
/** O_EXLOCK: the same number on macOS and the BSDs; Node has no name for it. */
const exclusiveLockFlag = 0x20

/** What a new journal on this machine gets. Looked for on every call: cheap, and the PATH can change. */
export function defaultLockMechanism(): LockMechanism {
  if (locksAtOpen) return 'flock'
  return process.platform === 'linux' && onPath('flock') ? 'flock' : 'socket'
}

/** undefined when another process, or another holder in this one, has the lock. */
export async function takeKernelLock(request: LockRequest): Promise<DiskLock | undefined> {
  if (request.mechanism === 'socket') return await lockBySocket(request)
  if (locksAtOpen) return await lockAtOpen(request)
  return await lockByTool(request)
}

async function lockByTool({ path, open }: LockRequest): Promise<DiskLock | undefined> {
  const descriptor = await open(0)
  let taken = false
  try {
    taken = await runFlock(descriptor, path)
  } finally {
    if (!taken) await close(descriptor)
  }
  return taken ? heldUntil(() => close(descriptor)) : undefined
}

/** The child is not unref'd: it ends by itself at once, and until then somebody waits for the answer. */
function runFlock(descriptor: number, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] })
    child.once('error', (error) => {
      const missing = errorCodeOf(error) === 'ENOENT'
      reject(missing ? unsupported(path, 'this journal is locked with flock(1), which is not installed') : error)
    })
    child.once('exit', (status, signal) => {
      if (status === 0) resolve(true)
      else if (status === 1) resolve(false)
      else reject(diskError('ENOLCK', 'lock', path, `flock(1) ended with ${status ?? signal}`))
    })
  })
}

async function lockAtOpen({ open }: LockRequest): Promise<DiskLock | undefined> {
  try {
    const descriptor = await open(exclusiveLockFlag)
    return heldUntil(() => close(descriptor))
  } catch (error) {
    // EWOULDBLOCK has the same number.
    if (errorCodeOf(error) === 'EAGAIN') return undefined
    throw error
  }
}

/** The name comes from the file's identity, as with flock, so that every path to it gives the same. The descriptor
 * stays open with the socket: as long as it is, no other file can get that identity. */
async function lockBySocket({ path, open }: LockRequest): Promise<DiskLock | undefined> {
  const prefix = { linux: '\0', win32: '\\\\.\\pipe\\' }[process.platform as string]
  if (prefix === undefined) throw unsupported(path, 'this journal is locked with a socket, which this system lacks')
  const descriptor = await open(0)
  let server: Server | undefined
  try {
    const { dev, ino } = await fstat(descriptor, { bigint: true })
    const digest = createHash('sha256').update(`${dev}:${ino}`).digest('hex')
    server = await listen(`${prefix}holdfast-${digest}`)
  } finally {
    if (server === undefined) await close(descriptor)
  }
  if (server === undefined) return undefined
  const listening = server
  return heldUntil(async () => {
    await new Promise((resolve) => listening.close(resolve))
    await close(descriptor)
  })
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    // Nobody has reason to connect: the name being taken is all that it says.
    const server = createServer((connection) => connection.destroy())
    server.unref()
    server.once('error', (error) => (errorCodeOf(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    // Without `exclusive`, the workers of a cluster would all share one socket and all hold the lock.
    server.listen({ path: name, exclusive: true }, () => resolve(server))
  })
}

function heldUntil(free: () => Promise<void>): DiskLock {
  let released: Promise<void> | undefined
  return {
    release() {
      released ??= free()
      return released
    },
  }
}

function unsupported(path: string, why: string): Error {
  return diskError('ENOTSUP', 'lock', path, why)
}

function onPath(program: string): boolean {
  const directories = (process.env.PATH ?? '').split(nodePath.delimiter)
  return directories.some((directory) => {
    try {
      fs.accessSync(nodePath.join(directory, program), fs.constants.X_OK)
      return true
    } catch {
      // Not here, or not for us to run: look further.
      return false
    }
  })
}
