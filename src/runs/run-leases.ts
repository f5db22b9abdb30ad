// The leases of the runs that this process drives: taken with the run, prolonged together while it is driven.
//
// A run is driven by who holds its lease, and each of its events is fenced by it: a driver that was stopped for longer
// than the lease lasts finds its appends refused, and nobody has been told of what it did meanwhile.
//
// A lease of a process that is dead for certain (run-owner.ts) is not waited for: it is given back in its name, or handed over
// in one batch. Both name its token, so the store judges that it is still the one that was looked at. Nothing that the dead
// one may have sent before it died can come behind that.

import type { Seq } from '../core/numbers.ts'
import { isHoldfastError } from '../errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { AppendOptions, Fence, LeaseInput } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'
import type { LeaseState } from '../stores/store.ts'
import type { RunOwner } from './run-owner.ts'

export interface LeaseTerms {
  readonly journal: Journal
  readonly clock: Clock
  readonly owner: RunOwner
  readonly ttlMs: number
}

/** Who drives by a lease. It is what is kept of a run here, and not its execution: a map that much goes in and out of leaves
 * its former contents to the collector as a chain, and what that holds outlives what it should die with. */
export interface LeaseHolder {
  /** Somebody else has it. */
  leaseLost(error: unknown): void
}

export class RunLeases {
  readonly #terms: LeaseTerms
  readonly #held: Map<string, { readonly fence: Fence; readonly holder: LeaseHolder }> = new Map()
  #timer: Timer | undefined
  /** When all that were held then were prolonged. */
  #renewedAt = 0

  constructor(terms: LeaseTerms) {
    this.#terms = terms
  }

  get owner(): string {
    return this.#terms.owner.name
  }

  get ttlMs(): number {
    return this.#terms.ttlMs
  }

  /** Rejects with LEASE_HELD. */
  async acquire(lease: string): Promise<Fence> {
    const { journal, ttlMs } = this.#terms
    for (;;) {
      try {
        const { token } = await journal.leases.acquire(lease, { owner: this.owner, ttl: ttlMs })
        return { lease, token }
      } catch (error) {
        if (!isHoldfastError(error, 'LEASE_HELD')) throw error
        const { owner, token } = error.details as unknown as LeaseState
        if (this.#terms.owner.verdict(owner) !== 'dead') throw error
        const taken = await this.#takeFromDead(lease, token)
        if (taken !== undefined) return taken
      }
    }
  }

  /** Whether the death of this owner would be seen here before its lease ends. */
  isSeen(owner: string): boolean {
    return this.#terms.owner.verdict(owner) !== 'unknown'
  }

  /** Gives back, in their name, what the dead of this host hold: whoever claims gets it, when it is due. */
  async freeDead(): Promise<void> {
    const { journal, owner } = this.#terms
    for (const dead of owner.dead()) {
      for (;;) {
        const held = await journal.leases.list({ owner: dead, limit: renewalsMax })
        if (held.length === 0) break
        const leases = held.map(({ lease, token }) => ({ lease, release: token }))
        await journal.append([], { leases }).catch(mustBeTaken)
      }
      owner.forget(dead)
    }
  }

  /** Prolongs it from now on, until it is let go. */
  keep(fence: Fence, holder: LeaseHolder): void {
    if (this.#held.size === 0) this.#renewedAt = this.#terms.clock.now()
    this.#held.set(fence.lease, { fence, holder })
    this.#schedule()
  }

  letGo(fence: Fence): void {
    if (this.#held.get(fence.lease)?.fence.token === fence.token) this.#held.delete(fence.lease)
    if (this.#held.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
    }
  }

  /** Gives one back that was let go of, and what else goes with that. */
  async release(fence: Fence, options: Omit<AppendOptions, 'fence' | 'leases' | 'expect'> = {}): Promise<void> {
    await this.#terms.journal.append([], { ...options, fence, leases: [releaseOf(fence)] })
  }

  /** The same, if this stream is still at this seq; not waited for. */
  async releaseAt(stream: string, seq: Seq, fence: Fence): Promise<void> {
    const leases = [releaseOf(fence)]
    await this.#terms.journal.append(stream, [], { fence, leases, expect: seq, durability: 'eventual' })
  }

  /** The run had ended when its lease was taken: neither the lease nor what a late signal put on the agenda is of use. */
  giveUp(fence: Fence): Promise<void> {
    return this.release(fence, { agenda: [{ id: fence.lease, due: null }] })
  }

  /** Prolongs them now if that is late, because this process stood still: before it takes its own for those of the dead. */
  async renewLate(): Promise<void> {
    const { clock, ttlMs } = this.#terms
    if (this.#held.size > 0 && clock.now() - this.#renewedAt > ttlMs / 2) await this.#renewAll()
  }

  /** Gives them back, as far as they are held. */
  async releaseAll(fences: readonly Fence[]): Promise<void> {
    const { journal } = this.#terms
    for (const fence of fences) this.letGo(fence)
    for (let from = 0; from < fences.length; from += renewalsMax) {
      const some = fences.slice(from, from + renewalsMax).map(({ lease, token }) => ({ lease, release: token }))
      // One that is lost refuses the whole batch. What can't be given back ends with its time.
      await journal.append([], { leases: some }).catch(() => this.#releaseEach(some))
    }
  }

  /** The journal is being closed, and nothing held any more. */
  leave(): void {
    this.#terms.owner.leave()
  }

  /** Undefined when somebody else was faster. */
  async #takeFromDead(lease: string, token: number): Promise<Fence | undefined> {
    const { journal, ttlMs } = this.#terms
    const leases = [
      { lease, release: token },
      { lease, acquire: this.owner, ttl: ttlMs },
    ]
    const receipt = await journal.append([], { leases }).catch(mustBeTaken)
    const grant = receipt?.leases[0]
    return grant === undefined ? undefined : { lease, token: grant.token }
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
        if (held?.fence.token === lost.token) held.holder.leaseLost(error)
      }
    }
  }

  async #renew(fences: readonly Fence[]): Promise<void> {
    const leases = fences.map(({ lease, token }) => ({ lease, renew: token, ttl: this.#terms.ttlMs }))
    await this.#terms.journal.append([], { leases })
  }
}

const renewalsMax = 1_000

function releaseOf({ lease, token }: Fence): LeaseInput {
  return { lease, release: token }
}

/** Another process has taken it over, or one of many: what there is now is looked at anew. */
function mustBeTaken(error: unknown): undefined {
  if (!isHoldfastError(error, 'LEASE_LOST')) throw error
}
