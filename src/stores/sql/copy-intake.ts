// What takes the records of a copy into a database, over several loads and attempts.
//
// Invariants: each transaction but the last ends behind a whole batch or a blob, with the head row saying how far it is; the
// state is only ever written in the last one, which finish() commits; each transaction first looks whether this intake
// still holds the place, so that one which was thought dead writes nothing any more.

import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { CopyIntake } from '../copy-port.ts'
import { inPages } from '../export-records.ts'
import type { Ancestor, ImportRecord } from '../store.ts'
import type { SqlBackend, SqlUpkeep } from './backend.ts'
import type { HeldGround } from './copy-ground.ts'
import { type CopyMarks, copyMarksOf, copyMarksText } from './copy-marks.ts'
import { recordsOf } from './dump.ts'
import { emptyHead } from './first-head.ts'
import { Loading } from './load.ts'
import { nextTurn } from './next-turn.ts'
import { toldError, withPatience } from './retry.ts'
import type { HeadRow } from './rows.ts'

export interface IntakeParts {
  readonly backend: SqlBackend
  readonly held: HeldGround
  readonly clock: Clock
  readonly unfinished: NonNullable<CopyMarks['unfinished']>
}

/** Starts the text of a record that belongs to the history, not to the state. */
const historyStart = /^\{"control":"(?:blob|removed)"/

export class SqlIntake implements CopyIntake {
  readonly #parts: IntakeParts
  #position: number
  /** The transaction that is written in. */
  #open: SqlUpkeep | undefined

  private constructor(parts: IntakeParts, position: number) {
    this.#parts = parts
    this.#position = position
  }

  /** Takes the place over from whoever had it before. */
  static async open(parts: IntakeParts): Promise<SqlIntake> {
    const { backend, clock, unfinished } = parts
    const upkeep = await withPatience(clock, () => backend.upkeep(), neverOver)
    const position = await inTransaction(upkeep, async () => {
      const head = await upkeep.head()
      if (copyMarksOf(head).unfinished?.note.id !== unfinished.note.id) throw lostHold(backend.label)
      await upkeep.setHead({ copying: copyMarksText({ unfinished }) })
      return head.position
    })
    await upkeep.commit()
    return new SqlIntake(parts, position)
  }

  get position(): number {
    return this.#position
  }

  async hasBlob(digest: string): Promise<boolean> {
    const { backend, clock } = this.#parts
    return this.#typed(() => withPatience(clock, async () => (await backend.blob(digest)) !== undefined, neverOver))
  }

  async load(pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
    await this.#typed(async () => {
      await this.#rollback()
      try {
        await this.#load(pages)
      } catch (error) {
        await this.#rollback()
        throw error
      }
    })
  }

  async *dump(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    try {
      const upkeep = await this.#upkeep()
      yield* inPages(recordsOf(upkeep, this.#parts.backend.label, {}), () => undefined)
    } catch (error) {
      throw toldError(error)
    }
  }

  async clear(): Promise<void> {
    await this.#typed(async () => {
      await this.#rollback()
      await (await this.#upkeep()).clear()
      await this.#commit(emptyHead)
    })
  }

  async finish(ancestors: readonly Ancestor[]): Promise<void> {
    const { note } = this.#parts.unfinished
    await this.#typed(async () => {
      const upkeep = await this.#upkeep()
      const { position } = await upkeep.head()
      await this.#commit({ durable: position, copying: copyMarksText({ origin: { copy: note.id, ancestors } }) })
    })
  }

  async close(): Promise<void> {
    const { backend, held } = this.#parts
    try {
      await this.#rollback()
      await backend.close()
    } finally {
      await held.release()
    }
  }

  async #load(pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
    const { backend, clock } = this.#parts
    const loading = await withPatience(clock, () => Loading.behind(backend, this.#loadParts()), neverOver)
    let isLast = false
    for await (const page of pages) {
      for (const record of page) {
        if (!isLast && isOfState(record)) {
          if (loading.isWhole) await this.#commitPiece(loading)
          isLast = true
        }
        await loading.take(record)
        const isDue = loading.isFull || this.#open !== undefined
        if (isLast && loading.isFull) await loading.write()
        else if (!isLast && isDue && loading.isWhole) await this.#commitPiece(loading)
      }
      await nextTurn()
    }
    if (isLast) await (await this.#upkeep()).setHead(await loading.end())
    else if (loading.isWhole) await this.#commitPiece(loading)
    else await this.#rollback()
  }

  #loadParts() {
    return { upkeep: () => this.#upkeep(), hasBlob: (digest: string) => this.hasBlob(digest), staged: nothingStaged }
  }

  async #commitPiece(loading: Loading): Promise<void> {
    await loading.write()
    await loading.writeRemoved()
    await this.#commit(loading.head)
  }

  /** The one that is open, or a new one. */
  async #upkeep(): Promise<SqlUpkeep> {
    if (this.#open !== undefined) return this.#open
    const { backend, clock, unfinished } = this.#parts
    const upkeep = await withPatience(clock, () => backend.upkeep(), neverOver)
    await inTransaction(upkeep, async () => {
      const { holder } = copyMarksOf(await upkeep.head()).unfinished ?? {}
      if (holder !== unfinished.holder) throw lostHold(backend.label)
    })
    this.#open = upkeep
    return upkeep
  }

  async #commit(head: Partial<HeadRow>): Promise<void> {
    const upkeep = await this.#upkeep()
    this.#open = undefined
    await inTransaction(upkeep, () => upkeep.setHead(head))
    await upkeep.commit()
    if (head.position !== undefined) this.#position = head.position
  }

  async #rollback(): Promise<void> {
    const upkeep = this.#open
    this.#open = undefined
    await upkeep?.rollback()
  }

  async #typed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toldError(error)
    }
  }
}

const nothingStaged = { staged: () => undefined }

function neverOver(): boolean {
  return false
}

function isOfState({ control }: ImportRecord): boolean {
  return control !== undefined && !historyStart.test(control)
}

async function inTransaction<T>(upkeep: SqlUpkeep, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await upkeep.rollback()
    throw error
  }
}

function lostHold(name: string): HoldfastError {
  return new HoldfastError('LOCKED', `another process has gone on with the copy to ${name}`, {
    hint: 'Wait for it, or stop it and run this again.',
  })
}
