// A directory as the target of a copy. It is built in its place, under the lock of its writer, with copying.json where the
// identity will stand (engine/copying-file.ts): nobody can take it for a journal, and an interrupted copy goes on where it
// was. What is whole stays (engine/kept-segments.ts).

import type { Disk } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { CopyLog } from '../../engine/copy-log.ts'
import { finishCopying, readCopying, removeCopying, writeCopying } from '../../engine/copying-file.ts'
import { checkEmpty, removeUnfinished } from '../../engine/create-log.ts'
import { type Identity, readIdentity } from '../../engine/identity.ts'
import { copyingPath, folders } from '../../engine/layout.ts'
import { becomeOwner, type Ownership, type ProcessFacts } from '../../engine/owner.ts'
import { fullError, type NamedTarget, onTarget } from '../../engine/target-error.ts'
import { HoldfastError, isHoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { CopyIntake, CopyNote, CopyPlace, CopyTarget } from '../copy-port.ts'
import type { Ancestor, ImportRecord } from '../store.ts'
import { FileStore } from './file-store.ts'

export interface FileCopyOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly process: ProcessFacts
  readonly segmentBytes: number
  /** Makes the directory unless it is there; its name is durable when it resolves, whoever made it. */
  readonly make: () => Promise<void>
  /** Removes it when it is empty. */
  readonly remove: () => Promise<void>
}

export function fileCopyTarget(name: string, options: FileCopyOptions): CopyTarget {
  const { disk } = options
  const named: NamedTarget = { what: 'copy', to: name }
  return {
    name,
    look: () => onTarget(named, () => look(disk, name)),
    begin: (note) => onTarget(named, () => begin(options, named, note)),
    discard: () => onTarget(named, () => discard(options)),
  }
}

async function look(disk: Disk, name: string): Promise<CopyPlace> {
  try {
    await disk.list('')
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return { kind: 'free' }
    throw error
  }
  const identity = await readIdentity(disk)
  const note = identity === undefined ? await readCopying(disk) : undefined
  // A process that was killed may have renamed it and not synced the directory.
  if (identity?.copy !== undefined || note !== undefined) await disk.syncDirectory('')
  if (identity !== undefined) return { kind: 'journal', copy: identity.copy?.id }
  if (note !== undefined) return { kind: 'unfinished', note }
  await mustBeFree(disk, name)
  return { kind: 'free' }
}

async function mustBeFree(disk: Disk, name: string): Promise<void> {
  try {
    await checkEmpty(disk)
  } catch (error) {
    if (!isHoldfastError(error, 'NOT_A_JOURNAL')) throw error
    throw new HoldfastError('TARGET_NOT_EMPTY', `${name} is not empty`, {
      hint: 'Choose a directory that is empty or not there yet; a copy never overwrites.',
      details: error.details,
    })
  }
}

async function begin(options: FileCopyOptions, named: NamedTarget, note: CopyNote): Promise<CopyIntake> {
  const { disk } = options
  await options.make()
  const ownership = await own(options)
  try {
    await disk.syncDirectory(folders.fences) // as above
    const place = await look(disk, named.to)
    const isMeant = place.kind === 'free' || (place.kind === 'unfinished' && place.note.id === note.id)
    if (!isMeant) throw changed(named.to)
    if (place.kind === 'free') {
      await removeUnfinished(disk)
      await writeCopying(disk, note)
    }
    return await DirectoryIntake.open(options, { named, note, ownership })
  } catch (error) {
    await ownership.lock.release()
    throw error
  }
}

function own({ disk, process, clock }: FileCopyOptions): Promise<Ownership> {
  return becomeOwner(disk, { takeover: false, process, now: clock.now() })
}

function changed(name: string): HoldfastError {
  return new HoldfastError('TARGET_NOT_EMPTY', `${name} was changed by another process meanwhile`, {
    hint: 'Look what is there now, and call it again.',
  })
}

/** copying.json goes last: until then it says what the rest is. */
async function discard(options: FileCopyOptions): Promise<void> {
  const { disk } = options
  const { lock } = await own(options)
  try {
    if ((await readCopying(disk)) === undefined) throw changed(disk.label)
    for (const { name, kind } of await disk.list('')) {
      if (name === copyingPath || name === folders.fences) continue
      if (kind === 'directory') await removeAll(disk, name)
      else await disk.remove(name)
    }
    await removeAll(disk, folders.fences)
    await removeCopying(disk)
  } finally {
    await lock.release()
  }
  await options.remove()
}

async function removeAll(disk: Disk, path: string): Promise<void> {
  for (const { name, kind } of await disk.list(path)) {
    if (kind === 'directory') await removeAll(disk, `${path}/${name}`)
    else await disk.remove(`${path}/${name}`)
  }
  await disk.removeDirectory(path)
}

interface Begun {
  readonly named: NamedTarget
  readonly note: CopyNote
  readonly ownership: Ownership
}

class DirectoryIntake implements CopyIntake {
  readonly #options: FileCopyOptions
  readonly #begun: Begun
  #log: CopyLog

  private constructor(options: FileCopyOptions, begun: Begun, log: CopyLog) {
    this.#options = options
    this.#begun = begun
    this.#log = log
  }

  static async open(options: FileCopyOptions, begun: Begun): Promise<DirectoryIntake> {
    return new DirectoryIntake(options, begun, await openLog(options, begun))
  }

  get position(): number {
    return this.#log.position
  }

  hasBlob(digest: string): Promise<boolean> {
    return this.#log.hasBlob(digest)
  }

  load(pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
    return this.#typed(() => this.#log.load(pages))
  }

  async *dump(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    await this.#typed(() => this.#log.seal())
    const reader = await this.#typed(() => openReader(this.#options, this.#begun))
    try {
      yield* reader.dump()
    } finally {
      await reader.close()
    }
  }

  async clear(): Promise<void> {
    await this.#typed(async () => {
      await this.#log.close()
      await removeAll(this.#options.disk, folders.segments)
      await this.#options.disk.syncDirectory('')
      this.#log = await openLog(this.#options, this.#begun)
    })
  }

  async finish(ancestors: readonly Ancestor[]): Promise<void> {
    await this.#typed(async () => {
      await this.#log.seal()
      await finishCopying(this.#options.disk, this.#begun.note, ancestors)
    })
  }

  async close(): Promise<void> {
    try {
      await this.#log.close()
    } finally {
      await this.#begun.ownership.lock.release()
    }
  }

  async #typed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw fullError(error, this.#begun.named)
    }
  }
}

function openLog({ disk, segmentBytes }: FileCopyOptions, { note }: Begun): Promise<CopyLog> {
  return CopyLog.open({ disk, identity: identityOf(note, disk), segmentBytes })
}

function openReader({ disk, clock, segmentBytes }: FileCopyOptions, { note }: Begun): Promise<FileStore> {
  const identity = identityOf(note, disk)
  const readOnlyReason = 'it is a copy in the making'
  return FileStore.open({ disk, clock, segmentBytes, identity, ownership: undefined, readOnlyReason })
}

function identityOf({ journal, epoch, begun }: CopyNote, disk: Disk): Identity {
  return { journal, epoch, created: begun, lock: disk.lockMechanism }
}
