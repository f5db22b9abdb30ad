// Journals in a test's own server, opened without the layers above: by the backend alone.

import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/host/clock.ts'
import { systemRandom } from '../../src/host/random.ts'
import { type AddressOptions, parseAddress } from '../../src/stores/postgres/address.ts'
import type { PostgresBackend } from '../../src/stores/postgres/backend.ts'
import { type Tables, tablesUpgrades, tablesVersion } from '../../src/stores/postgres/migration.ts'
import { openPostgres, type PostgresOptions } from '../../src/stores/postgres/open.ts'

const file = new URL('../../src/stores/postgres/schema.sql', import.meta.url)

export const tables: Tables = { version: tablesVersion, create: readFileSync(file, 'utf8'), upgrades: tablesUpgrades }

export function openBackend(
  url: string,
  options: Partial<Omit<PostgresOptions, 'address'>> & AddressOptions = {},
): Promise<PostgresBackend> {
  const { schema, journal, ...rest } = options
  const address = parseAddress(url, { schema, journal })
  return openPostgres({ address, tables, clock: systemClock, random: systemRandom, ...rest })
}
