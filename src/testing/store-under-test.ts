// What a store's author gives the conformance suite: how to make a fresh store, and what else can be done with its data.
// The manifest is needed before a store exists, so that cases which do not apply are reported as skipped, with the reason.

import type { Random } from '../host/random.ts'
import type { Store, StoreManifest } from '../stores/store.ts'
import type { FakeClock } from './fake-clock.ts'

export interface CreateOptions {
  readonly clock: FakeClock
  readonly random: Random
}

export interface StoreHandle {
  /** Open, empty, and nobody else's. */
  readonly store: Store
  /** Closes the store that was given or reopened last, and opens the same data again. Persistent stores only. */
  reopen?(): Promise<Store>
  /** Drops the store without closing it, as a killed process would, and opens the same data again. */
  crash?(): Promise<Store>
  /** Opens the same data for reading, as another process would. Stores whose manifest says so. */
  openReader?(): Promise<Store>
  /** Where a backup may go (nothing is there yet), and how to open it. Stores whose manifest says so. */
  readonly backup?: { readonly to: string; open(): Promise<Store> }
  /** Closes what is still open and removes the data. */
  dispose(): Promise<void>
}

export interface StoreUnderTest {
  readonly name: string
  /** What the store's `manifest` is going to say. */
  readonly manifest: StoreManifest
  /** Whether handles have `crash`. */
  readonly crashes?: boolean
  /** A new store on the given clock. Small segments, where a store has segments: rules by size are tested with some
   * 100 KB of log. */
  create(options: CreateOptions): Promise<StoreHandle>
}
