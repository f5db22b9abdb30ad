// The memory store as the target of a copy. What is loaded is kept as records until the end, because the store's own state
// is made of all of them at once; an unfinished copy lives as long as the process does.

import { copyUnfinished } from '../../core/moved.ts'
import { HoldfastError } from '../../errors.ts'
import type { CopyIntake, CopyNote, CopyPlace, CopyTarget } from '../copy-port.ts'
import type { Ancestor, ImportRecord, StoreIdentity } from '../store.ts'
import { dumpPages, snapshotOf } from './dump.ts'
import { loadState } from './load.ts'
import { MemoryState } from './state.ts'

export interface CopyHost {
  /** Whether the store holds nothing. */
  isFree(): boolean
  adopt(identity: StoreIdentity, state: MemoryState): void
}

export class MemoryCopyTarget {
  readonly #host: CopyHost
  #unfinished: { readonly note: CopyNote; readonly records: ImportRecord[] } | undefined
  /** Id of the copy that made the journal. */
  #made: string | undefined
  #isHeld = false

  constructor(host: CopyHost) {
    this.#host = host
  }

  mustNotBeUnfinished(): void {
    if (this.#unfinished !== undefined) throw copyUnfinished('this journal', this.#unfinished.note)
  }

  named(name: string): CopyTarget {
    return {
      name,
      look: async () => this.#look(name),
      begin: async (note) => this.#begin(name, note),
      discard: async () => {
        if (this.#isHeld) throw busy(name)
        this.#unfinished = undefined
      },
    }
  }

  #look(name: string): CopyPlace {
    if (this.#unfinished !== undefined) return { kind: 'unfinished', note: this.#unfinished.note }
    if (this.#made !== undefined) return { kind: 'journal', copy: this.#made }
    if (this.#host.isFree()) return { kind: 'free' }
    throw new HoldfastError('TARGET_NOT_EMPTY', `${name} already has content`, { hint: 'Copy into a new journal.' })
  }

  #begin(name: string, note: CopyNote): CopyIntake {
    if (this.#isHeld) throw busy(name)
    const place = this.#look(name)
    const isOther = place.kind === 'journal' || (place.kind === 'unfinished' && place.note.id !== note.id)
    if (isOther) throw new HoldfastError('TARGET_NOT_EMPTY', `${name} was changed meanwhile`)
    this.#unfinished ??= { note, records: [] }
    this.#isHeld = true
    const finish = (identity: StoreIdentity, state: MemoryState): void => {
      this.#host.adopt(identity, state)
      this.#made = note.id
      this.#unfinished = undefined
    }
    const close = (): void => {
      this.#isHeld = false
    }
    return new MemoryIntake(this.#unfinished, { finish, close })
  }
}

function busy(name: string): HoldfastError {
  return new HoldfastError('LOCKED', `something else is being copied to ${name}`, { hint: 'Wait for it.' })
}

class MemoryIntake implements CopyIntake {
  readonly #note: CopyNote
  /** Blobs, events and removed ranges, as far as they are kept. */
  readonly #history: ImportRecord[]
  readonly #to: { finish(identity: StoreIdentity, state: MemoryState): void; close(): void }
  readonly #blobs: Set<string> = new Set()
  #state: ImportRecord[] = []

  constructor(
    { note, records }: { readonly note: CopyNote; readonly records: ImportRecord[] },
    to: { finish(identity: StoreIdentity, state: MemoryState): void; close(): void },
  ) {
    this.#note = note
    this.#history = records
    this.#to = to
    this.#cut()
  }

  /** What was cut off in its middle is given again. */
  #cut(): void {
    while (this.#history.length > 0 && !isWhole(this.#history.at(-1))) this.#history.pop()
    for (const { control } of this.#history) this.#keepBlob(control)
  }

  get position(): number {
    const last = this.#history.findLast(({ event }) => event !== undefined)?.event
    return last === undefined ? 0 : (JSON.parse(last.text) as { readonly position: number }).position
  }

  async hasBlob(digest: string): Promise<boolean> {
    return this.#blobs.has(digest)
  }

  async load(pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
    this.#state = []
    for await (const page of pages) {
      for (const record of page) {
        if (isOfHistory(record)) this.#history.push(record)
        else this.#state.push(record)
        this.#keepBlob(record.control)
      }
    }
  }

  #keepBlob(control: string | undefined): void {
    if (control?.startsWith('{"control":"blob"') !== true) return
    this.#blobs.add((JSON.parse(control) as { readonly digest: string }).digest)
  }

  async *dump(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    yield* dumpPages(snapshotOf(await this.#loaded()), () => undefined)
  }

  async clear(): Promise<void> {
    this.#history.length = 0
    this.#blobs.clear()
    this.#state = []
  }

  async finish(ancestors: readonly Ancestor[]): Promise<void> {
    const { journal, epoch } = this.#note
    this.#to.finish({ journalId: journal, epoch, ancestors }, await this.#loaded())
  }

  async close(): Promise<void> {
    this.#to.close()
  }

  #loaded(): Promise<MemoryState> {
    return loadState(new MemoryState(), pagesOf([...this.#history, ...this.#state]))
  }
}

async function* pagesOf(records: readonly ImportRecord[]): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  yield records
}

function isOfHistory({ control }: ImportRecord): boolean {
  return control === undefined || /^\{"control":"(?:blob|removed)"/.test(control)
}

/** An event that ends its batch. */
function isWhole(record: ImportRecord | undefined): boolean {
  return record?.event !== undefined && !record.event.text.endsWith(',"more":true}')
}
