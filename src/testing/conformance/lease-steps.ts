// The steps of which the cases on leases and fences are made: one owner's lease `l`, taken, prolonged, given up, relied on.

import type { Receipt, Store } from '../../stores/store.ts'
import { batch, change, event } from './batches.ts'

export const ttlMs: number = 1_000

export function acquire(store: Store, owner: string, lease = 'l'): Promise<Receipt> {
  return change(store, { leases: [{ lease, op: 'acquire', owner, ttlMs }] })
}

export async function tokenOf(granted: Promise<Receipt>): Promise<number | undefined> {
  return (await granted).leases[0]?.token
}

export function renew(store: Store, token: number, ms: number = ttlMs): Promise<Receipt> {
  return change(store, { leases: [{ lease: 'l', op: 'renew', token, ttlMs: ms }] })
}

export function release(store: Store, token: number): Promise<Receipt> {
  return change(store, { leases: [{ lease: 'l', op: 'release', token }] })
}

/** Taken from who holds it under this token, whatever its time. */
export function handOver(store: Store, token: number, owner = 'you'): Promise<Receipt> {
  return change(store, {
    leases: [
      { lease: 'l', op: 'release', token },
      { lease: 'l', op: 'acquire', owner, ttlMs },
    ],
  })
}

export function fenced(store: Store, token: number, lease = 'l'): Promise<Receipt> {
  return store.append(batch([event('a')], { fences: [{ lease, token }] }))
}
