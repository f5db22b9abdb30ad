// The PostgreSQL store as a target of the conformance suite: each case gets a journal of its own in one schema, on a server
// that whoever runs the suite has started.

import { openPostgresStore } from '../open-postgres.ts'
import { postgresManifest } from '../stores/postgres/backend.ts'
import type { Store } from '../stores/store.ts'
import type { CreateOptions, StoreHandle, StoreUnderTest } from './store-under-test.ts'

/** `url`: asked for each case, so that a server may be started after the cases are made. */
export function postgresTarget(url: () => string): StoreUnderTest {
  let journals = 0
  return {
    name: 'PostgreSQL',
    manifest: postgresManifest,
    crashes: true,
    async create(options: CreateOptions): Promise<StoreHandle> {
      const journal = `case-${++journals}`
      const opened: Store[] = []
      const open = async (readOnly: boolean): Promise<Store> => {
        const store = await openPostgresStore(url(), { ...options, journal, readOnly })
        opened.push(store)
        return store
      }
      let store = await open(false)
      return {
        store,
        async reopen() {
          await store.close()
          store = await open(false)
          return store
        },
        async crash() {
          // The other one is left as it is: it may not end what it holds, nor be asked anything more.
          store = await open(false)
          return store
        },
        openReader: () => open(true),
        async dispose() {
          for (const each of opened) await each.close()
        },
      }
    },
  }
}
