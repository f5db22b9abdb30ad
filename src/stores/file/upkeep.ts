// The long works on a store: retention, verification, backup, export, and mending after a failure. They take turns, because
// one may not remove what another reads.

import { mustBeSameCopy } from '../../core/moved.ts'
import type { Directories } from '../../disks/directories.ts'
import type { Disk } from '../../disks/disk.ts'
import { backupLog } from '../../engine/backup.ts'
import type { Blobs } from '../../engine/blobs.ts'
import { dumpLog } from '../../engine/dump.ts'
import { superseded } from '../../engine/failure.ts'
import { fencePath } from '../../engine/layout.ts'
import { removeMoved, writeMoved } from '../../engine/moved-file.ts'
import type { Ownership } from '../../engine/owner.ts'
import { retainLog } from '../../engine/retention.ts'
import { verifyLog } from '../../engine/verify.ts'
import { HoldfastError } from '../../errors.ts'
import type {
  DumpOptions,
  ImportRecord,
  LongWork,
  PinState,
  Relocation,
  RetentionReport,
  RetentionRule,
  VerifyProgress,
  VerifyReport,
} from '../store.ts'
import { Turns } from '../turns.ts'
import type { CurrentLog } from './current-log.ts'
import { dumpBesideWriter } from './dump-beside-writer.ts'
import type { FileLog } from './file-log.ts'
import type { Gate } from './gate.ts'

export interface UpkeepParts {
  readonly disk: Disk
  readonly gate: Gate
  readonly current: CurrentLog
  readonly blobs: Blobs
  readonly ownership: Ownership | undefined
  readonly directories: Directories | undefined
  /** What can be read has changed. */
  readonly changed: () => void
}

export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #gate: Gate
  readonly #turns: Turns = new Turns()

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.#gate = parts.gate
  }

  get #log(): FileLog {
    return this.#parts.current.log
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(() => {
      this.#gate.mustBeOpen()
      return this.#gate.typed(work)
    })
  }

  retain(
    rule: RetentionRule,
    options: { readonly dryRun: boolean },
    pins: () => Promise<readonly PinState[]>,
  ): Promise<RetentionReport> {
    const { blobs, current, changed } = this.#parts
    return this.#inTurn(async () => {
      if (this.#log.writer === undefined && !options.dryRun) throw this.#gate.refusal()
      if (!options.dryRun) this.#gate.mustNotBeMoved()
      const report = await retainLog({ log: this.#log, blobs, pins: await pins() }, rule, options)
      if (!options.dryRun) {
        await current.findEarliest()
        changed()
      }
      return report
    })
  }

  verify(work: LongWork<VerifyProgress>): Promise<VerifyReport> {
    return this.#inTurn(async () => {
      await this.#log.writer?.settled()
      await this.#log.covered()
      return verifyLog({ log: this.#log, blobs: this.#parts.blobs }, work)
    })
  }

  backup(to: string, work: LongWork<VerifyProgress>): Promise<void> {
    const { directories, disk, blobs } = this.#parts
    if (this.#gate.isClosed) return Promise.reject(this.#gate.closedError())
    if (directories === undefined) {
      return Promise.reject(
        new HoldfastError('UNSUPPORTED', `${disk.label} was opened without a place for backups`, {
          hint: 'Open the journal by its path.',
        }),
      )
    }
    return this.#inTurn(async () => {
      await this.#log.writer?.settled()
      await backupLog({ log: this.#log, blobs }, to, work, directories)
    })
  }

  /** Runs recovery where something has failed. */
  reopen(): Promise<void> {
    const { disk, ownership, current, changed } = this.#parts
    return this.#inTurn(async () => {
      const isSound = this.#log.writer === undefined || this.#log.writer.failure === undefined
      if (isSound && !this.#log.state.isDamaged) return
      if (ownership !== undefined && disk.existsNow(fencePath(ownership.fence + 1))) throw superseded(disk)
      await current.reopen()
      changed()
    })
  }

  async hold(relocation: Relocation): Promise<void> {
    this.#gate.relocation = relocation
    await this.#inTurn(async () => {
      await this.#log.writer?.settled()
    })
  }

  /** In its turn, so that a retention under way is over before. */
  async relocate(to: Relocation | undefined): Promise<void> {
    const before = this.#gate.relocation
    mustBeSameCopy(this.#parts.disk.label, before, to)
    if (this.#log.writer === undefined) throw this.#gate.refusal()
    if (to !== undefined) this.#gate.relocation = to
    await this.#inTurn(async () => {
      try {
        await this.#log.writer?.settled()
        if (to === undefined) await removeMoved(this.#parts.disk)
        else await this.#markMoved(to)
        this.#gate.relocation = to
      } catch (error) {
        // Where that can't be taken back either, nothing more is written: whoever opens the journal next may find it.
        if (to?.state === 'moving') await removeMoved(this.#parts.disk)
        this.#gate.relocation = before
        throw error
      }
    })
  }

  /** A process that takes the journal over makes its fence first and looks for the mark then; here the mark comes first,
   * so one of the two finds the other. */
  async #markMoved(to: Relocation): Promise<void> {
    const { disk, ownership } = this.#parts
    await writeMoved(disk, to)
    if (ownership !== undefined && disk.existsNow(fencePath(ownership.fence + 1))) throw superseded(disk)
  }

  dump(options: DumpOptions): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    return this.#gate.typedParts(async () => {
      this.#gate.mustBeOpen()
      return this.#log.writer === undefined ? this.#dumpAsReader(options) : this.#dumpInTurn(options)
    })
  }

  async *#dumpAsReader(options: DumpOptions): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    for await (const page of dumpBesideWriter(this.#parts.current, this.#parts.blobs, options)) {
      this.#gate.mustBeOpen()
      yield page
    }
  }

  /** Keeps its turn until the last page was taken: what it reads may not be removed. Closing doesn't wait for it. */
  async *#dumpInTurn(options: DumpOptions): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    const release = await this.#turns.hold(() => this.#gate.mustBeOpen())
    try {
      for await (const page of dumpLog({ log: this.#log, blobs: this.#parts.blobs }, options)) {
        this.#gate.mustBeOpen()
        yield page
      }
    } catch (error) {
      this.#gate.mustBeOpen() // what fails because the journal was closed meanwhile is no failure of its own
      throw error
    } finally {
      await release()
    }
  }

  /** Resolves when the turn that is taken is over; all that wait are refused, as the gate is closed. */
  close(): Promise<void> {
    return this.#turns.close()
  }
}
