// The long works on a store: retention, verification, export and import, backup, and mending after a failure. They take
// turns within this process; what other processes do meanwhile, snapshots and the head row's lock keep apart.

import { mustBeSameCopy } from '../../core/moved.ts'
import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { ImportSource } from '../import-record.ts'
import type {
  DumpOptions,
  ImportRecord,
  LongWork,
  Relocation,
  RetentionReport,
  RetentionRule,
  VerifyProgress,
  VerifyReport,
} from '../store.ts'
import { Turns } from '../turns.ts'
import type { Appender } from './appender.ts'
import { type SqlBackend, SqlFailure, type SqlSnapshot, type SqlUpkeep } from './backend.ts'
import { copyMarksOf, copyMarksText, mustStay } from './copy-marks.ts'
import { dumpPages } from './dump.ts'
import type { Gate } from './gate.ts'
import { loadRows } from './load.ts'
import { nextTurn } from './next-turn.ts'
import { retain } from './retain.ts'
import { withPatience } from './retry.ts'
import type { HeadRow } from './rows.ts'
import type { StagedBlobs } from './staged-blobs.ts'
import { verifyRows } from './verify.ts'
import type { Ask } from './walkers.ts'

export interface UpkeepParts {
  readonly backend: SqlBackend
  readonly clock: Clock
  readonly gate: Gate
  readonly writing: Turns
  readonly appender: Appender
  readonly blobs: StagedBlobs
  now(): number
  /** All that was appended before is durable. */
  flush(): Promise<void>
  readonly ask: Ask
  /** The head as it is now is what the store shows from here on. */
  look(): Promise<HeadRow>
  reopened(head: HeadRow): void
}

export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #turns: Turns = new Turns()

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  retain(rule: RetentionRule, options: { readonly dryRun: boolean }): Promise<RetentionReport> {
    const { gate, flush, ask, now, look } = this.#parts
    return this.#inTurn(async () => {
      if (!options.dryRun) gate.mustWrite()
      await flush()
      const piece = <T>(work: (upkeep: SqlUpkeep) => Promise<T>) => this.#piece(work)
      const report = await retain({ ask, piece, now, mustBeOpen: () => gate.mustBeOpen() }, rule, options)
      if (!options.dryRun) await look()
      return report
    })
  }

  async *dump(options: DumpOptions): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    const { backend, gate, flush } = this.#parts
    await flush()
    const snapshot = await gate.typed(() => this.#durableSnapshot())
    yield* gate.typedParts(dumpPages({ label: backend.label, mustBeOpen: () => gate.mustBeOpen() }, snapshot, options))
  }

  load(records: ImportSource): Promise<void> {
    const { gate, writing, look } = this.#parts
    return this.#inTurn(async () => {
      gate.mustWrite()
      // Not tried again: the records can be read once.
      await writing.take(() => gate.typed(() => this.#loadOnce(records)))
      await look()
    })
  }

  async #loadOnce(records: ImportSource): Promise<void> {
    const { backend } = this.#parts
    const upkeep = await backend.upkeep()
    try {
      mustStay(await upkeep.head(), backend.label)
      await loadRows(upkeep, records, this.#parts.blobs)
    } catch (error) {
      await upkeep.rollback()
      throw error
    }
    await upkeep.commit()
  }

  verify(work: LongWork<VerifyProgress>): Promise<VerifyReport> {
    const { backend, gate, flush } = this.#parts
    return this.#inTurn(async () => {
      await flush()
      return verifyRows(backend, work, () => gate.mustBeOpen())
    })
  }

  async backup(to: string, work: LongWork<VerifyProgress>): Promise<void> {
    const { backend, flush, look } = this.#parts
    await this.#inTurn(async () => {
      await flush()
      await backend.backup(to, work)
      // What another process has only numbered may be in the copy.
      await look()
      await flush()
    })
  }

  /** Sets or takes back the mark of where the journal goes. One that is set for another copy stays. */
  relocate(to: Relocation | undefined): Promise<void> {
    const { appender, backend, gate, look } = this.#parts
    return this.#inTurn(async () => {
      gate.mustWrite()
      await appender.settled()
      await this.#transaction(async (upkeep) => {
        const head = await upkeep.head()
        const { relocation, ...marks } = copyMarksOf(head)
        mustBeSameCopy(backend.label, relocation, to)
        const copying = copyMarksText(to === undefined ? marks : { ...marks, relocation: to })
        // All that was numbered before is durable with it.
        await upkeep.setHead({ copying, durable: head.position })
      })
      await look()
    })
  }

  /** Where something has failed: new connections, and all that is committed made durable. */
  reopen(): Promise<void> {
    const { appender, backend, reopened, writing } = this.#parts
    return this.#inTurn(async () => {
      await appender.settled()
      if (appender.failure === undefined) return
      const head = await writing.take(async () => {
        await backend.reopen()
        return backend.flush()
      })
      appender.recovered()
      reopened(head)
    })
  }

  /** Resolves when the turn that is taken is over; all that wait are refused, as the gate is closed. */
  close(): Promise<void> {
    return this.#turns.close()
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { gate } = this.#parts
    gate.mustBeOpen()
    return this.#turns.take(() => {
      gate.mustBeOpen()
      return gate.typed(work)
    })
  }

  /** Of what is durable, also where other processes write: what they have only numbered is made durable here, behind the
   * snapshot; who may not write waits until one comes between two numberings. */
  async #durableSnapshot(): Promise<SqlSnapshot> {
    const { appender, backend, clock, gate } = this.#parts
    const attempt = async (): Promise<SqlSnapshot> => {
      const snapshot = await backend.snapshot()
      try {
        const { durable, position } = await snapshot.head()
        if (durable < position) {
          if (backend.readOnly !== undefined) throw undurable(backend.label)
          await appender.flush()
        }
        return snapshot
      } catch (error) {
        await snapshot.end()
        throw error
      }
    }
    return withPatience(clock, attempt, () => gate.isClosed)
  }

  async #piece<T>(work: (upkeep: SqlUpkeep) => Promise<T>): Promise<T> {
    const { label } = this.#parts.backend
    return this.#transaction(async (upkeep) => {
      mustStay(await upkeep.head(), label)
      return work(upkeep)
    })
  }

  /** A short one, in the turn of those who write: behind appends that came before it. */
  async #transaction<T>(work: (upkeep: SqlUpkeep) => Promise<T>): Promise<T> {
    await nextTurn()
    return this.#parts.appender.write(async (backend) => {
      const upkeep = await backend.upkeep()
      let result: T
      try {
        result = await work(upkeep)
      } catch (error) {
        await upkeep.rollback()
        throw error
      }
      await upkeep.commit()
      return result
    })
  }
}

/** It passes: whoever wrote it makes it durable within moments, if nothing has happened to that process. */
function undurable(label: string): SqlFailure {
  const error = new HoldfastError('UNAVAILABLE', `${label}: what was appended last is not durable yet`, {
    hint: 'Try again. If nobody writes any more, open the journal for writing once: that makes it durable.',
  })
  return new SqlFailure(error, { outcome: 'not-done', transient: true, latches: false })
}
