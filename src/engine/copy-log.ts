// The log of a copy in the making: laid out like an import's, in several loads and over several attempts. What an earlier
// attempt wrote whole stays. The state of a journal begins a segment of its own, so that it can be left out then.
//
// Nothing of it need be durable before seal(): a copy that was cut off is judged anew from what its files say.

import type { Position } from '../core/numbers.ts'
import { assert } from '../errors.ts'
import type { ImportRecord } from '../stores/store.ts'
import { LogImport } from './import-log.ts'
import { type ImportPlan, ImportSegments } from './import-segments.ts'
import { findKept, type Kept, removeOthers } from './kept-segments.ts'
import { folders } from './layout.ts'
import { emptyScalars } from './note.ts'
import { RecordCursor } from './record-cursor.ts'
import { dropCaches } from './repair/small-repairs.ts'
import { State } from './state.ts'
import { stateKeys } from './state-keys.ts'
import { TableSet } from './tables/table-set.ts'
import { ensureDirectory } from './whole-file.ts'

interface Laid {
  readonly state: State
  readonly segments: ImportSegments
}

interface Parts extends Laid {
  readonly log: LogImport
}

const historyStart = /^\{"control":"(?:blob|removed)"/

export class CopyLog {
  readonly #plan: ImportPlan
  #parts: Parts | undefined

  private constructor(plan: ImportPlan, parts: Parts) {
    this.#plan = plan
    this.#parts = parts
  }

  /** In a directory that is held, behind what an earlier attempt left. */
  static async open(plan: ImportPlan): Promise<CopyLog> {
    const { disk, identity } = plan
    if (await ensureDirectory(disk, folders.segments)) await disk.syncDirectory('')
    for (let max = Number.POSITIVE_INFINITY; ; ) {
      const kept = await findKept(disk, identity, max)
      await dropCaches(disk)
      await removeOthers(disk, kept)
      const laid = await layOut(plan)
      const sound = await keepAll(laid, kept)
      if (sound === kept.segments.length) {
        return new CopyLog(plan, { ...laid, log: new LogImport(plan, laid, kept.position) })
      }
      await closeParts(laid)
      max = sound
    }
  }

  /** Of the newest event. */
  get position(): Position {
    return this.#open().log.position
  }

  async hasBlob(digest: string): Promise<boolean> {
    return (await this.#open().state.loadEntry(stateKeys.blob(digest))) !== null
  }

  async load(pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
    const { log, segments } = this.#open()
    const cursor = new RecordCursor(cutBeforeState(pages, () => segments.cut()))
    try {
      await log.take(cursor)
    } finally {
      await cursor.end()
    }
  }

  /** All of it is durable when it resolves; nothing can be loaded any more. */
  async seal(): Promise<void> {
    const parts = this.#parts
    if (parts === undefined) return
    await parts.segments.seal()
    await this.close()
    const { disk } = this.#plan
    await disk.syncDirectory(folders.segments)
    await disk.syncDirectory('')
  }

  async close(): Promise<void> {
    const parts = this.#parts
    this.#parts = undefined
    if (parts !== undefined) await closeParts(parts)
  }

  #open(): Parts {
    assert(this.#parts !== undefined, 'nothing is loaded behind the seal')
    return this.#parts
  }
}

async function layOut(plan: ImportPlan): Promise<Laid> {
  const state = new State(await TableSet.open(plan.disk, { folder: folders.state, readOnly: false }), emptyScalars())
  return { state, segments: new ImportSegments(plan, state) }
}

/** How many of them are what was written. */
async function keepAll({ segments }: Laid, kept: Kept): Promise<number> {
  for (const [index, segment] of kept.segments.entries()) {
    if (!(await segments.keep(segment))) return index
  }
  return kept.segments.length
}

async function closeParts({ segments, state }: Laid): Promise<void> {
  try {
    await segments.close()
  } finally {
    await state.close({ isWriter: true })
  }
}

/** A page is asked for when the one before is taken: so the cut comes behind the last record of the history. */
async function* cutBeforeState(
  pages: AsyncIterable<readonly ImportRecord[]>,
  cut: () => Promise<void>,
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  let isCut = false
  for await (const page of pages) {
    const at = isCut ? -1 : page.findIndex(({ control }) => control !== undefined && !historyStart.test(control))
    if (at < 0) {
      yield page
      continue
    }
    yield page.slice(0, at)
    await cut()
    isCut = true
    yield page.slice(at)
  }
}
