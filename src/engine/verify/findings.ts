// What verification found, bounded: a log in ruins has more findings than anybody reads, and memory has to hold them.
// Invariant: however many are left out, `isOk` knows of all of them.

import type { Finding } from '../../stores/store.ts'

const findingsMax = 10_000

export interface FindingExtras {
  readonly offset?: number | undefined
  readonly repair?: string | undefined
}

export class Findings {
  readonly #kept: Finding[] = []
  #omitted = 0
  #hasDamage = false

  get isOk(): boolean {
    return !this.#hasDamage
  }

  damage(kind: string, file: string, message: string, extras: FindingExtras = {}): void {
    this.#add('damage', kind, file, message, extras)
  }

  warning(kind: string, file: string, message: string, extras: FindingExtras = {}): void {
    this.#add('warning', kind, file, message, extras)
  }

  note(kind: string, file: string, message: string, extras: FindingExtras = {}): void {
    this.#add('note', kind, file, message, extras)
  }

  #add(severity: Finding['severity'], kind: string, file: string, message: string, extras: FindingExtras): void {
    if (severity === 'damage') this.#hasDamage = true
    if (this.#kept.length >= findingsMax) {
      this.#omitted++
      return
    }
    this.#kept.push({ severity, kind, file, offset: extras.offset, message, repair: extras.repair })
  }

  all(): readonly Finding[] {
    if (this.#omitted === 0) return this.#kept
    const message = `${this.#omitted} further findings were left out of this report`
    return [
      ...this.#kept,
      { severity: 'note', kind: 'findings-omitted', file: '', offset: undefined, message, repair: undefined },
    ]
  }
}
