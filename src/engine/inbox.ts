// The inbox: how other processes hand commands to the one that has the journal open for writing. A command is a file that
// its sender made durable; here it is applied, answered and removed, one after another in the order of names.
//
// What is kept, wherever a process dies:
//   nothing is lost    a command leaves the folder only after its outcome is certain, or into set-aside/
//   once               applying again what was applied gives the first receipt, by the command id; and a command that has
//                      a reply beside it is never applied, so that what was refused once stays refused
//   never in the way   whatever lies in the folder, and whatever the disk says, the journal goes on; see `failure`
//
// The system's notice that something changed can get lost, so the folder is looked at now and then as well.

import type { TimeMs } from '../core/numbers.ts'
import type { Disk, DiskWatch } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { type ErrorCode, HoldfastError, isHoldfastError } from '../errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { limits } from '../limits.ts'
import type { Batch, Receipt } from '../stores/store.ts'
import {
  type CommandBatch,
  commandOfFile,
  commandPath,
  decodeCommand,
  isReplyFile,
  replyPath,
} from './inbox-command.ts'
import { type Reply, writeReply } from './inbox-reply.ts'
import { compareNames, folders, isPart } from './layout.ts'
import { moveAside } from './set-aside.ts'
import { ensureDirectory, readWholeFile, removeIfThere } from './whole-file.ts'

/** Durable when it resolves. */
export type ApplyBatch = (batch: Batch) => Promise<Receipt>

const pollMs = 40
/** After trouble: notices are not listened to meanwhile, because a failing attempt may cause some itself. */
const retryMs = 500
/** How long a reply waits for its reader, and an unfinished command for its writer. */
const leftoverMs = 60_000

/** These say something about the writer, not about the command: it waits until the writer is well again. */
const undecided: readonly ErrorCode[] = [
  'LATCHED',
  'INDETERMINATE',
  'CLOSED',
  'SUPERSEDED',
  'READ_ONLY',
  'QUEUE_FULL',
  'DISK_FULL',
  'IO',
]

export class Inbox {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #apply: ApplyBatch
  #watch: DiskWatch | undefined
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #lookAgain = false
  #isStopped = false
  #failure: unknown
  /** When replies and unfinished files were first seen here. */
  #leftovers: ReadonlyMap<string, TimeMs> = new Map()

  constructor(disk: Disk, clock: Clock, apply: ApplyBatch) {
    this.#disk = disk
    this.#clock = clock
    this.#apply = apply
  }

  /** What went wrong when the folder was last looked at; undefined when nothing did. It is tried again by itself. */
  get failure(): unknown {
    return this.#failure
  }

  /** Resolves when all that waits is applied, or can't be for the time being. Never rejects. */
  async start(): Promise<void> {
    try {
      if (await ensureDirectory(this.#disk, folders.inbox)) await this.#disk.syncDirectory('')
    } catch (error) {
      this.#failure = error
    }
    this.#watch = this.#disk.watch(folders.inbox, () => {
      if (this.#failure === undefined) this.#look()
    })
    this.#look()
    await this.#looking
  }

  /** Waits for the command that is being applied; the others stay. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#watch?.close()
    this.#timer?.cancel()
    await this.#looking
  }

  #look(): void {
    if (this.#isStopped) return
    this.#lookAgain = true
    this.#looking ??= this.#lookUntilQuiet()
  }

  async #lookUntilQuiet(): Promise<void> {
    this.#timer?.cancel()
    do {
      this.#lookAgain = false
      this.#failure = undefined
      try {
        await this.#work()
      } catch (error) {
        this.#failure = error
      }
    } while (this.#lookAgain && this.#failure === undefined && !this.#isStopped)
    this.#looking = undefined
    if (!this.#isStopped) {
      this.#timer = this.#clock.after(this.#failure === undefined ? pollMs : retryMs, () => this.#look())
    }
  }

  async #work(): Promise<void> {
    const files = await this.#files()
    const commands = files.filter((file) => commandOfFile(file) !== undefined).sort(compareNames)
    for (const file of commands) {
      if (this.#isStopped) return
      try {
        await this.#settle(file.slice(0, -'.json'.length))
      } catch (error) {
        // The writer is not well: the others wait with this one. Or the disk is not, and another file may do.
        if (error instanceof HoldfastError) throw error
        this.#failure = error
      }
    }
    // A removal that a power cut undoes would bring the command back, perhaps after its id was forgotten.
    if (commands.length > 0) await this.#disk.syncDirectory(folders.inbox)
    for (const file of files) {
      if (isForeign(file)) await moveAside(this.#disk, { folder: folders.inbox, name: file })
    }
    await this.#removeLeftovers(files)
  }

  async #files(): Promise<readonly string[]> {
    try {
      return (await this.#disk.list(folders.inbox)).filter(({ kind }) => kind === 'file').map(({ name }) => name)
    } catch (error) {
      if (errorCodeOf(error) !== 'ENOENT') throw error
      return [] // the next sender makes the folder anew
    }
  }

  /** Throws when the command has to wait; a HoldfastError when all behind it have to as well. */
  async #settle(name: string): Promise<void> {
    const disk = this.#disk
    if (!disk.existsNow(replyPath(name))) {
      const batch = await this.#read(name)
      if (batch === undefined) return
      await writeReply(disk, name, await this.#outcome(batch))
    }
    await removeIfThere(disk, commandPath(name))
  }

  /** undefined when there is nothing to apply: it is gone, or was no command and is set aside. */
  async #read(name: string): Promise<CommandBatch | undefined> {
    try {
      const bytes = await readWholeFile(this.#disk, commandPath(name), limits.inboxCommandBytesMax)
      return bytes === undefined ? undefined : decodeCommand(bytes, name)
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      // In this order: with a reply beside it the file would be removed.
      await moveAside(this.#disk, { folder: folders.inbox, name: `${name}.json` })
      await writeReply(this.#disk, name, { error })
      return undefined
    }
  }

  async #outcome(batch: CommandBatch): Promise<Reply> {
    try {
      return { ok: await this.#apply(batch) }
    } catch (error) {
      if (!(error instanceof HoldfastError) || isHoldfastError(error, ...undecided)) throw error
      return { error }
    }
  }

  async #removeLeftovers(files: readonly string[]): Promise<void> {
    const now = this.#clock.now()
    const left = new Map<string, TimeMs>()
    for (const file of files) {
      if (!isReplyFile(file) && !isPart(file)) continue
      const seen = Math.min(now, this.#leftovers.get(file) ?? now)
      if (now - seen < leftoverMs) left.set(file, seen)
      else await removeIfThere(this.#disk, `${folders.inbox}/${file}`)
    }
    this.#leftovers = left
  }
}

/** Named like a command but not by us. What is named otherwise is nobody's business here, and stays. */
function isForeign(file: string): boolean {
  return commandOfFile(file) === undefined && /^[\w.-]+\.json$/.test(file)
}
