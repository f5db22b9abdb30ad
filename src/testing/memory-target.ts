// The memory store as a target of the conformance suite, and an example of how to write one.

import { memoryStore } from '../stores/memory.ts'
import type { StoreManifest } from '../stores/store.ts'
import type { StoreUnderTest } from './store-under-test.ts'

const manifest: StoreManifest = {
  name: 'memory',
  persistent: false,
  readersInOtherProcesses: false,
  inbox: false,
  takeover: false,
  manyWriters: false,
  segments: false,
  backup: false,
  damageable: false,
}

export const memoryTarget: StoreUnderTest = {
  name: 'memory',
  manifest,
  async create(options) {
    const store = memoryStore(options)
    return { store, dispose: () => store.close() }
  },
}
