// The memory store as a target of the conformance suite, and an example of how to write one.

import { memoryManifest, memoryStore } from '../stores/memory.ts'
import type { StoreUnderTest } from './store-under-test.ts'

export const memoryTarget: StoreUnderTest = {
  name: 'memory',
  manifest: memoryManifest,
  async create(options) {
    const store = memoryStore(options)
    return { store, dispose: () => store.close() }
  },
}
