// The leases of the runs that this process drives: taken with the run, prolonged together while it is driven.
//
// A run is driven by who holds its lease, and each of its events is fenced by it: a driver that was stopped for longer
// than the lease lasts finds its appends refused, and nobody has been told of what it did meanwhile.
//
// In a store with one writer the owner's name is always the same. Who has such a journal open for writing is its one
// owner, so the leases of a process before it are its own and are taken again at once.

import { isHoldfastError } from '../errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Fence, LeaseInput } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'

export interface LeaseTerms {
  readonly journal: Journal
  readonly clock: Clock
  readonly owner: string
  readonly ttlMs: number
}

export class RunLeases {
  readonly #terms: LeaseTerms
  readonly #held: Map<string, { readonly fence: Fence; readonly lost: (error: unknown) => void }> = new Map()
  #timer: Timer | undefined
  /** When all that were held then were prolonged. */
  #renewedAt = 0

  constructor(terms: LeaseTerms) {
    this.#terms = terms
  }

  get owner(): string {
    return this.#terms.owner
  }

  get ttlMs(): number {
    return this.#terms.ttlMs
  }

  /** Rejects with LEASE_HELD. */
  async acquire(lease: string): Promise<Fence> {
    const { journal, owner, ttlMs } = this.#terms
    const { token } = await journal.leases.acquire(lease, { owner, ttl: ttlMs })
    return { lease, token }
  }

  /** Prolongs it from now on, until it is let go. `lost` hears of it when somebody else has it. */
  keep(fence: Fence, lost: (error: unknown) => void): void {
    if (this.#held.size === 0) this.#renewedAt = this.#terms.clock.now()
    this.#held.set(fence.lease, { fence, lost })
    this.#schedule()
  }

  letGo(fence: Fence): void {
    if (this.#held.get(fence.lease)?.fence.token === fence.token) this.#held.delete(fence.lease)
    if (this.#held.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
    }
  }

  /** Prolongs them now if that is late, because this process stood still: before it takes its own for those of the dead. */
  async renewLate(): Promise<void> {
    const { clock, ttlMs } = this.#terms
    if (this.#held.size > 0 && clock.now() - this.#renewedAt > ttlMs / 2) await this.#renewAll()
  }

  /** Gives them back, as far as they are held: the journal is being closed. */
  async releaseAll(fences: readonly Fence[]): Promise<void> {
    const { journal } = this.#terms
    for (const fence of fences) this.letGo(fence)
    for (let from = 0; from < fences.length; from += renewalsMax) {
      const some = fences.slice(from, from + renewalsMax).map(({ lease, token }) => ({ lease, release: token }))
      // One that is lost refuses the whole batch. What can't be given back ends with its time.
      await journal.append([], { leases: some }).catch(() => this.#releaseEach(some))
    }
  }

  async #releaseEach(leases: readonly LeaseInput[]): Promise<void> {
    await Promise.all(leases.map((one) => this.#terms.journal.append([], { leases: [one] }).catch(() => undefined)))
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#terms.clock.after(Math.ceil(this.#terms.ttlMs / 3), () => {
      this.#timer = undefined
      // It never rejects: what can't be renewed is told to who drives that run.
      void this.#renewAll().then(() => {
        if (this.#held.size > 0) this.#schedule()
      })
    })
  }

  async #renewAll(): Promise<void> {
    this.#renewedAt = this.#terms.clock.now()
    const fences = [...this.#held.values()].map(({ fence }) => fence)
    for (let from = 0; from < fences.length; from += renewalsMax) {
      await this.#renewThese(fences.slice(from, from + renewalsMax))
    }
  }

  /** One that is lost refuses the whole batch, and is named: the others are prolonged without it. */
  async #renewThese(fences: readonly Fence[]): Promise<void> {
    let left = fences.filter(({ lease, token }) => this.#held.get(lease)?.fence.token === token)
    while (left.length > 0) {
      try {
        await this.#renew(left)
        return
      } catch (error) {
        // The journal says what is wrong with every append; the next round tries again.
        if (!isHoldfastError(error, 'LEASE_LOST')) return
        const lost = left.find(({ lease }) => lease === error.details.lease)
        if (lost === undefined) return
        left = left.filter((fence) => fence !== lost)
        const held = this.#held.get(lost.lease)
        if (held?.fence.token === lost.token) held.lost(error)
      }
    }
  }

  async #renew(fences: readonly Fence[]): Promise<void> {
    const leases = fences.map(({ lease, token }) => ({ lease, renew: token, ttl: this.#terms.ttlMs }))
    await this.#terms.journal.append([], { leases })
  }
}

const renewalsMax = 1_000
