// The name under which the runs of this process are leased, and what the names of other processes tell.
//
// In a store with one writer it is always the same. Who has such a journal open for writing is its one owner, so the leases
// of a process before it are its own and are taken again at once. In a store with many writers each has another name, and
// the name carries the mark of its process: who reads it on the same host can prove that the process is dead (host/death.ts).

import type { Processes } from '../host/processes.ts'

export interface OwnerTerms {
  readonly processes: Processes
  /** Of the journal. */
  readonly journal: string
  readonly hasManyWriters: boolean
  /** Another one for each that opens the journal. */
  readonly nonce: string
}

const marked = 'runs@'

export class RunOwner {
  readonly #terms: OwnerTerms
  #mark: string | undefined
  #name: string | undefined

  constructor(terms: OwnerTerms) {
    this.#terms = terms
  }

  /** Asked for when the first lease is taken: who only reads leaves no mark. */
  get name(): string {
    this.#name ??= this.#choose()
    return this.#name
  }

  verdict(owner: string): 'dead' | 'alive' | 'unknown' {
    const { processes, journal, hasManyWriters } = this.#terms
    if (!hasManyWriters || !owner.startsWith(marked)) return 'unknown'
    return processes.verdict(journal, owner.slice(marked.length))
  }

  /** The names of processes of this host that are dead, and of which something may still be held. */
  dead(): readonly string[] {
    const { processes, journal, hasManyWriters } = this.#terms
    return hasManyWriters ? processes.dead(journal).map((mark) => `${marked}${mark}`) : []
  }

  /** Nothing is held by this dead one any more. */
  forget(owner: string): void {
    const { processes, journal } = this.#terms
    processes.leave(journal, owner.slice(marked.length))
  }

  leave(): void {
    if (this.#mark !== undefined) this.#terms.processes.leave(this.#terms.journal, this.#mark)
    this.#mark = undefined
  }

  #choose(): string {
    const { processes, journal, hasManyWriters, nonce } = this.#terms
    if (!hasManyWriters) return 'runs'
    this.#mark = processes.enter(journal, nonce)
    return this.#mark === undefined ? `runs-${nonce}` : `${marked}${this.#mark}`
  }
}
