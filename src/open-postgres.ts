// Opens a journal in PostgreSQL: reads the tables' definition, which is a file beside the store, and puts the SQL store on
// top of its backend.

import { readFileSync } from 'node:fs'
import { type Clock, systemClock } from './host/clock.ts'
import { type Random, systemRandom } from './host/random.ts'
import { type AddressOptions, parseAddress } from './stores/postgres/address.ts'
import type { PostgresBackend } from './stores/postgres/backend.ts'
import { type Tables, tablesUpgrades, tablesVersion } from './stores/postgres/migration.ts'
import { openPostgres } from './stores/postgres/open.ts'
import { toldError } from './stores/sql/retry.ts'
import { SqlStore } from './stores/sql/sql-store.ts'
import type { LongWork, VerifyProgress, VerifyReport } from './stores/store.ts'

export interface PostgresOpenOptions extends AddressOptions {
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly readOnly?: boolean | undefined
  readonly create?: 'if-missing' | 'never' | 'exclusive' | undefined
  /** Of an import: the journal keeps its id, its history is a new one. */
  readonly journalId?: string | undefined
  /** How long a call waits for a server that can't be reached; 15,000 by default. */
  readonly patienceMs?: number | undefined
}

export async function openPostgresStore(target: string | URL, options: PostgresOpenOptions = {}): Promise<SqlStore> {
  return (await openBoth(target, options)).store
}

export async function verifyPostgres(target: string | URL, work: LongWork<VerifyProgress>): Promise<VerifyReport> {
  const store = await openPostgresStore(target, { readOnly: true })
  try {
    return await store.verify(work)
  } finally {
    await store.close()
  }
}

/** A journal for an import to fill. A name that is taken is refused with TARGET_NOT_EMPTY. */
export async function beginPostgresJournal(
  target: string | URL,
  options: Pick<PostgresOpenOptions, 'clock' | 'random' | 'journalId'>,
): Promise<{ readonly store: SqlStore; commit(): Promise<void>; discard(): Promise<void> }> {
  const { store, backend } = await openBoth(target, { ...options, create: 'exclusive' })
  return {
    store,
    commit: () => store.close(),
    async discard() {
      await backend.removeJournal()
      await store.close()
    },
  }
}

async function openBoth(
  target: string | URL,
  options: PostgresOpenOptions,
): Promise<{ readonly store: SqlStore; readonly backend: PostgresBackend }> {
  const { clock = systemClock, random = systemRandom, readOnly, create, journalId, patienceMs } = options
  const address = parseAddress(target, options)
  const tables = postgresTables()
  const backend = await openPostgres({ address, tables, clock, random, readOnly, create, journalId, patienceMs })
  try {
    return { store: await SqlStore.open({ backend, clock, random }), backend }
  } catch (error) {
    await backend.close()
    throw toldError(error)
  }
}

export function postgresTables(): Tables {
  const file = new URL('./stores/postgres/schema.sql', import.meta.url)
  return { version: tablesVersion, create: readFileSync(file, 'utf8'), upgrades: tablesUpgrades }
}
