// The place of the model tests in PostgreSQL: a server for the whole file, and a journal of it for each sequence of calls.

import { openPostgresStore } from '../../src/open-postgres.ts'
import type { Store } from '../../src/stores/store.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { PostgresServer } from '../postgres/server.ts'
import type { PlaceKind } from './places.ts'

let started: Promise<PostgresServer> | undefined
let journals = 0
/** A seed of its own for each open store, as processes have: it names who writes. */
let lives = 0

export const postgresPlace: PlaceKind = {
  name: 'a PostgreSQL store',
  share: 10,
  make: async (clock) => {
    started ??= PostgresServer.start()
    const server = await started
    const journal = `model-${++journals}`
    const opened: Store[] = []
    return {
      open: async () => {
        const store = await openPostgresStore(server.url(), { clock, random: seededRandom(++lives), journal })
        opened.push(store)
        return store
      },
      // The process that is gone asks nothing more. Its connections are still there, as those of a lost machine would be.
      crash: () => undefined,
      lasts: true,
      leave: async () => {
        for (const store of opened) await store.close()
      },
    }
  },
}

export async function stopPostgres(): Promise<void> {
  const server = await started
  await server?.dispose()
}
