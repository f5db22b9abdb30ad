// Stores whose claims of due entries are wrong: the cases on claims must catch each.

import type { AgendaItem, Batch, ClaimQuery, LeaseChange, Receipt, Store } from '../../src/stores/store.ts'
import { appending, type WrongStore, wrong } from './wrong-store.ts'

/** The right store is asked for something else, or its answer changed. */
function claiming(name: string, claim: (right: Store, asked: ClaimQuery) => Promise<Receipt>): WrongStore {
  return appending('agenda claims', name, (right, batch) =>
    batch.claim === undefined ? right.append(batch) : claim(right, batch.claim),
  )
}

function asked(right: Store, claim: ClaimQuery): Promise<Receipt> {
  return right.append({ events: [], claim, durability: 'sync' })
}

/** Takes these, in an append of its own. */
async function take(right: Store, items: readonly AgendaItem[], claim: ClaimQuery): Promise<Receipt> {
  const { owner, ttlMs } = claim
  const leases = items.map(({ id }): LeaseChange => ({ lease: id, op: 'acquire', owner, ttlMs }))
  return { ...(await right.append({ events: [], leases, durability: 'sync' })), claimed: items }
}

async function isFree(right: Store, { id }: AgendaItem): Promise<boolean> {
  return (await right.lease(id))?.held !== true
}

async function free(right: Store, { limit, ...query }: ClaimQuery): Promise<readonly AgendaItem[]> {
  const due = await right.agenda(query)
  const isFreeAt = await Promise.all(due.map((item) => isFree(right, item)))
  return due.filter((_, index) => isFreeAt[index]).slice(0, limit)
}

export const wrongClaims: readonly WrongStore[] = [
  wrong('agenda claims', 'hands out an entry twice when two claim at once', (right) => {
    let latest: Promise<Receipt> | undefined
    return {
      append(batch) {
        if (batch.claim === undefined) return right.append(batch)
        latest ??= right.append(batch).finally(() => {
          latest = undefined
        })
        return latest
      },
    }
  }),
  claiming('looks at what is free, and takes it later', async (right, claim) => {
    const found = await free(right, claim)
    return take(right, found, { ...claim, owner: 'everybody' })
  }),
  claiming('gives its owner again what it holds', async (right, claim) => {
    const due = await right.agenda(claim)
    const states = await Promise.all(due.map(({ id }) => right.lease(id)))
    const mine = due.filter((_, index) => states[index]?.held === true && states[index]?.owner === claim.owner)
    return mine.length > 0 ? take(right, mine.slice(0, claim.limit), claim) : asked(right, claim)
  }),
  claiming('never frees a lease by its time', async (right, claim) => take(right, await free(right, claim), claim)),
  claiming('gives what is not due yet', (right, claim) => asked(right, { ...claim, dueBy: Number.MAX_SAFE_INTEGER })),
  claiming('ignores the prefix', (right, { prefix: _, ...claim }) => asked(right, claim)),
  claiming('takes a limit of 0 for 1', (right, claim) => asked(right, { ...claim, limit: Math.max(1, claim.limit) })),
  claiming('takes more than it says', async (right, claim) => {
    const receipt = await asked(right, { ...claim, limit: claim.limit + 1 })
    const claimed = receipt.claimed?.slice(0, claim.limit) ?? []
    return { ...receipt, claimed, leases: receipt.leases.slice(0, claim.limit) }
  }),
  claiming('gives the newest first', async (right, claim) => {
    const receipt = await asked(right, claim)
    return { ...receipt, claimed: receipt.claimed?.toReversed() ?? [], leases: receipt.leases.toReversed() }
  }),
  claiming('leaves out the data', async (right, claim) => {
    const receipt = await asked(right, claim)
    return { ...receipt, claimed: receipt.claimed?.map((item) => ({ ...item, data: undefined })) ?? [] }
  }),
  claiming('clears what it hands out', async (right, claim) => {
    const receipt = await asked(right, claim)
    const agenda = (receipt.claimed ?? []).map(({ id }) => ({ id, due: null }))
    await right.append({ events: [], agenda, durability: 'sync' })
    return receipt
  }),
  claiming('writes when nothing is due', async (right, claim) => {
    const receipt = await asked(right, claim)
    if (receipt.claimed?.length === 0) await right.append({ events: [], leases: [marker], durability: 'sync' })
    return receipt
  }),
  appending('agenda claims', 'claims and appends in one', async (right, { claim, ...batch }: Batch) => {
    if (claim === undefined) return right.append(batch)
    const receipt = await right.append(batch)
    return { ...(await asked(right, claim)), position: receipt.position }
  }),
]

const marker: LeaseChange = { lease: 'marker', op: 'acquire', owner: 'nobody', ttlMs: 1 }
