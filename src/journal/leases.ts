// Leases as users see them: the right to own something until a time, with a token that rises with every owner.
// Who works under a lease appends with it as `fence`: once somebody else has taken it, such an append is refused.

import { parseDuration } from '../core/duration.ts'
import { checkName } from '../core/names.ts'
import type { TimeMs } from '../core/numbers.ts'
import { assert, isHoldfastError } from '../errors.ts'
import type { LeaseChange, LeaseGrant, LeaseState, Store } from '../stores/store.ts'
import type { Duration, Fence } from './append-options.ts'
import { checkWhole } from './argument.ts'

export interface AcquireOptions {
  /** Who takes it: for people and for LEASE_HELD. */
  readonly owner: string
  /** For how long nobody else gets it. Who needs longer renews it. */
  readonly ttl: Duration
}

export interface LeaseFilter {
  readonly owner: string
  readonly limit?: number
}

export class Leases {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Rejects with LEASE_HELD while somebody else holds it. */
  async acquire(name: string, { owner, ttl }: AcquireOptions): Promise<Lease> {
    checkName(name, 'lease')
    checkName(owner, 'lease owner')
    const ttlMs = parseDuration(ttl, 'ttl')
    return new Lease(this.#store, {
      owner,
      ttlMs,
      grant: await change(this.#store, name, { op: 'acquire', owner, ttlMs }),
    })
  }

  async get(name: string): Promise<LeaseState | undefined> {
    checkName(name, 'lease')
    return this.#store.lease(name)
  }

  /** What an owner holds, by name: what it has not released, also past its time. */
  async list({ owner, limit }: LeaseFilter): Promise<readonly LeaseState[]> {
    checkName(owner, 'lease owner')
    return this.#store.leases(limit === undefined ? { owner } : { owner, limit: checkWhole(limit, 'limit') })
  }
}

export class Lease implements Fence {
  readonly lease: string
  readonly owner: string
  readonly token: number
  readonly #store: Store
  readonly #ttlMs: number
  #until: TimeMs
  #isReleased = false

  constructor(store: Store, terms: { readonly owner: string; readonly ttlMs: number; readonly grant: LeaseGrant }) {
    this.#store = store
    this.lease = terms.grant.lease
    this.owner = terms.owner
    this.token = terms.grant.token
    this.#ttlMs = terms.ttlMs
    this.#until = terms.grant.until
  }

  /** From this time on others can take it. */
  get until(): TimeMs {
    return this.#until
  }

  /** Prolongs it from now on, by its ttl or another. Rejects with LEASE_LOST when somebody else has taken it. */
  async renew(ttl?: Duration): Promise<void> {
    const ttlMs = ttl === undefined ? this.#ttlMs : parseDuration(ttl, 'ttl')
    this.#until = (await change(this.#store, this.lease, { op: 'renew', token: this.token, ttlMs })).until
  }

  async release(): Promise<void> {
    if (this.#isReleased) return
    const leases = [{ lease: this.lease, op: 'release', token: this.token }] as const
    await this.#store.append({ events: [], leases, durability: 'sync' })
    this.#isReleased = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release()
    } catch (error) {
      // It belongs to somebody else by now, or ends with its time: there is nothing left to give back.
      if (!isHoldfastError(error, 'LEASE_LOST', 'CLOSED')) throw error
    }
  }
}

type Granted<T> = T extends { readonly op: 'acquire' | 'renew' } ? Omit<T, 'lease'> : never

async function change(store: Store, lease: string, terms: Granted<LeaseChange>): Promise<LeaseGrant> {
  const { leases } = await store.append({ events: [], leases: [{ lease, ...terms }], durability: 'sync' })
  const [grant] = leases
  assert(grant !== undefined, 'a batch that acquires or renews a lease is answered with its grant')
  return grant
}
