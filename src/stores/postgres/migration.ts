// The tables' version, and how they come to be: made or brought up to date by whoever opens first, while others that open
// at the same time wait for an advisory lock.

import { HoldfastError } from '../../errors.ts'
import { quoted } from './address.ts'
import type { Connection } from './connection.ts'

/** The tables as SQL: what makes the newest version, and what leads to it from each older one. */
export interface Tables {
  readonly version: number
  readonly create: string
  /** By the version that each begins with: brings it to the next. */
  readonly upgrades: ReadonlyMap<number, string>
}

export const tablesVersion = 2

export const tablesUpgrades: Tables['upgrades'] = new Map([
  [
    1,
    `create index lease_by_owner on lease (journal, owner, name) where held;
     create or replace view leases as
       select h.name as journal, l.name as lease, l.owner, l.token, to_timestamp(l.until / 1000.0) as until, l.held
         from lease l
         join head h on h.journal = l.journal
        where l.name <> chr(1)`,
  ],
])

/** Any number that no other program uses for its own locks: "Hold" in ASCII. */
const lockNumber = 0x48_6f_6c_64

/** Undefined where there are none. Throws NEWER_FORMAT. */
export async function versionOf(connection: Connection, schema: string, version: number): Promise<number | undefined> {
  // Not to_regclass(), which may answer from what this connection remembers: while it waited for a lock, that has changed.
  const [there] = await connection.rows(
    `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1 and c.relname = 'format') as yes`,
    [schema],
  )
  if (there?.yes !== true) return undefined
  const [row] = await connection.rows(`select max(version) as version from ${quoted(schema)}.format`)
  const found = Number(row?.version)
  if (found <= version) return found
  throw new HoldfastError(
    'NEWER_FORMAT',
    `the tables in ${quoted(schema)} have version ${found}, newer than ${version}`,
    {
      hint: 'Upgrade Holdfast. Nothing was changed.',
      details: { version: found, supported: version },
    },
  )
}

/** Afterwards they are there, and of this version. */
export async function migrate(connection: Connection, schema: string, tables: Tables): Promise<void> {
  if ((await versionOf(connection, schema, tables.version)) === tables.version) return
  await connection.send([{ text: `begin; select pg_advisory_xact_lock(${lockNumber})` }])
  try {
    // Another process may have done it while we waited.
    const found = await versionOf(connection, schema, tables.version)
    let version = found
    const [there] = await connection.rows('select exists (select from pg_namespace where nspname = $1) as yes', [
      schema,
    ])
    // Not "if not exists", which asks for the right to create one even where it is there.
    if (there?.yes !== true) await connection.rows(`create schema ${quoted(schema)}`)
    await connection.rows(`set local search_path to ${quoted(schema)}, pg_catalog`)
    if (version === undefined) {
      await connection.rows(tables.create)
      version = tables.version
    }
    const isDone = found === tables.version
    for (; version < tables.version; version++) await connection.rows(upgradeFrom(tables, version))
    if (!isDone) await connection.rows(`insert into ${quoted(schema)}.format (version) values ($1)`, [version])
    await connection.rows('commit')
  } catch (error) {
    connection.drop()
    throw error
  }
}

function upgradeFrom(tables: Tables, version: number): string {
  const text = tables.upgrades.get(version)
  if (text !== undefined) return text
  throw new HoldfastError('UNSUPPORTED', `there is no way from version ${version} of the tables to ${version + 1}`)
}
