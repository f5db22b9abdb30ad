// Stores that hand leases over wrongly, or list them wrongly: what a takeover from a dead process stands on.

import type { LeaseState } from '../../src/stores/store.ts'
import { type WrongStore, wrong } from './wrong-store.ts'

/** What was released is still told, with this. */
function remembering(name: string, as: Pick<LeaseState, 'held'>): WrongStore {
  return wrong('leases', name, (right) => {
    const released = new Map<string, LeaseState>()
    return {
      async append(batch) {
        for (const change of batch.leases ?? []) {
          const held = change.op === 'release' ? await right.lease(change.lease) : undefined
          if (held !== undefined) released.set(held.lease, { ...held, ...as })
        }
        return right.append(batch)
      },
      lease: async (lease) => (await right.lease(lease)) ?? released.get(lease),
    }
  })
}

export const wrongLeases: readonly WrongStore[] = [
  wrong('leases', 'hands a lease over by its name alone', (right) => ({
    async append(batch) {
      const [given, taken] = batch.leases ?? []
      if (given?.op !== 'release' || taken?.op !== 'acquire') return right.append(batch)
      const held = await right.lease(given.lease)
      return right.append({ ...batch, leases: [{ ...given, token: held?.token ?? 0 }, taken] })
    },
  })),
  wrong('leases', 'hands a lease over in two steps', (right) => ({
    async append(batch) {
      const [given, taken] = batch.leases ?? []
      if (given?.op !== 'release' || taken?.op !== 'acquire') return right.append(batch)
      await right.append({ ...batch, leases: [given] }).catch(() => undefined)
      return right.append({ ...batch, leases: [taken] })
    },
  })),
  wrong('leases', 'hands a lease over under the token that it had', (right) => {
    const before = new Map<string, number>()
    return {
      async append(batch) {
        const receipt = await right.append(batch)
        const [given] = batch.leases ?? []
        if (given?.op === 'release' && receipt.leases.length > 0) before.set(given.lease, given.token)
        return {
          ...receipt,
          leases: receipt.leases.map((one) => ({ ...one, token: before.get(one.lease) ?? one.token })),
        }
      },
    }
  }),
  wrong('leases', 'lists what was released as well', (right) => {
    const released = new Map<string, LeaseState>()
    return {
      async append(batch) {
        for (const change of batch.leases ?? []) {
          const held = change.op === 'release' ? await right.lease(change.lease) : undefined
          if (held !== undefined) released.set(held.lease, held)
        }
        return right.append(batch)
      },
      leases: async (query) => [
        ...(await right.leases(query)),
        ...[...released.values()].filter(({ owner }) => owner === query.owner),
      ],
    }
  }),
  wrong('leases', 'lists the leases of owners that are named alike', (right) => ({
    leases: async (query) => [
      ...(await right.leases(query)),
      ...(await right.leases({ ...query, owner: `${query.owner}/2` })),
    ],
  })),
  wrong('leases', 'lists no lease that is past its time', (right) => {
    const ended = new Set<string>()
    let time = 0
    return {
      async append(batch) {
        const receipt = await right.append(batch)
        for (const { until } of receipt.leases) time = Math.max(time, until)
        return receipt
      },
      async leases(query) {
        const held = await right.leases(query)
        for (const { lease, until } of held) if (until < time) ended.add(lease)
        return held.filter(({ lease }) => !ended.has(lease))
      },
    }
  }),
  wrong('leases', 'lists in the order of UTF-16', (right) => ({
    leases: async (query) =>
      [...(await right.leases(query))].sort((a, b) => (a.lease < b.lease ? -1 : a.lease > b.lease ? 1 : 0)),
  })),
  wrong('leases', 'lists more than it was asked for', (right) => ({
    leases: ({ owner }) => right.leases({ owner }),
  })),
  wrong('leases', 'gives a lease that comes back a token above the newest release alone', (right) => {
    let newest = 0
    return {
      async append(batch) {
        const [change] = batch.leases ?? []
        const isBack = change?.op === 'acquire' && (await right.lease(change.lease)) === undefined
        const receipt = await right.append(batch)
        for (const one of batch.leases ?? []) if (one.op === 'release') newest = one.token
        return isBack ? { ...receipt, leases: receipt.leases.map((one) => ({ ...one, token: newest + 1 })) } : receipt
      },
    }
  }),
  remembering('still tells of a lease that was released', { held: false }),
  remembering('keeps a released lease for its owner', { held: true }),
  wrong('leases', 'keeps a record for each lease that was released', (right) => {
    const released: string[] = []
    return {
      async append(batch) {
        const receipt = await right.append(batch)
        for (const { lease, op } of batch.leases ?? []) if (op === 'release') released.push(lease)
        return receipt
      },
      async *dump(options) {
        yield* right.dump(options)
        yield released.map((lease) => ({ control: `{"control":"lease","lease":${JSON.stringify(lease)}}` }))
      },
    }
  }),
  wrong('leases', 'counts the leases that were released', (right) => {
    let released = 0
    return {
      async append(batch) {
        const receipt = await right.append(batch)
        released += (batch.leases ?? []).filter(({ op }) => op === 'release').length
        return receipt
      },
      async stats() {
        const stats = await right.stats()
        return { ...stats, leases: stats.leases + released }
      },
    }
  }),
]
