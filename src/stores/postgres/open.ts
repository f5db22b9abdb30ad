// Opening a journal in PostgreSQL: the server is looked at, the tables are made or brought up to date, and the journal is
// found by its name or made.

import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { firstHead } from '../sql/first-head.ts'
import { toldError } from '../sql/retry.ts'
import type { HeadRow } from '../sql/rows.ts'
import { headValues } from '../sql/state-values.ts'
import { type PostgresAddress, quoted } from './address.ts'
import { PostgresBackend } from './backend.ts'
import type { Connection } from './connection.ts'
import { loadDriver } from './driver.ts'
import { isTransient, Link, type Linked } from './link.ts'
import { migrate, type Tables, versionOf } from './migration.ts'
import { headColumns, headOf, sumOf } from './rows-read.ts'

export interface PostgresOptions {
  readonly address: PostgresAddress
  readonly tables: Tables
  readonly clock: Clock
  readonly random: Random
  readonly readOnly?: boolean | undefined
  readonly create?: 'if-missing' | 'never' | 'exclusive' | undefined
  /** How long a call waits for a server that can't be reached. */
  readonly patienceMs?: number | undefined
  /** Of an import: the journal keeps its id, its history is a new one. */
  readonly journalId?: string | undefined
  /** Of a copy: the row that a new journal begins with. */
  readonly head?: HeadRow | undefined
}

export async function openPostgres(options: PostgresOptions): Promise<PostgresBackend> {
  try {
    return await openOnce(options)
  } catch (error) {
    throw toldError(error)
  }
}

async function openOnce(options: PostgresOptions): Promise<PostgresBackend> {
  const { address, clock, random, patienceMs } = options
  const link = new Link({ driver: await loadDriver(), address, clock, patienceMs })
  link.isForReading = options.readOnly === true
  const first = await firstLink(link, address)
  const { connection, facts } = first
  try {
    const readOnly = readOnlyReason(options, facts.inRecovery)
    const journal =
      readOnly === undefined ? await ownJournal(connection, options) : await theirJournal(connection, options)
    const scope = { schema: quoted(address.schema), journal, label: address.label }
    const { pooler } = address
    const listens = !pooler && !facts.inRecovery
    const backend = new PostgresBackend({ link, scope, clock, random, readOnly, listens, pooler, first })
    if (readOnly === undefined) await backend.register()
    return backend
  } catch (error) {
    connection.drop()
    throw error
  }
}

/** A server that can be written to, or else a standby, which can be read. */
async function firstLink(link: Link, { urls }: PostgresAddress): Promise<Linked> {
  try {
    // One host alone that is a standby is meant; of several one may be about to be promoted.
    return urls.length === 1 ? await link.once() : await link.patiently()
  } catch (error) {
    if (link.isForReading) throw error
    link.isForReading = true
    try {
      return await link.once()
    } catch (second) {
      link.isForReading = false
      if (urls.length === 1 && isTransient(second)) return link.patiently()
      throw error
    }
  }
}

function readOnlyReason({ readOnly }: PostgresOptions, inRecovery: boolean): string | undefined {
  if (readOnly === true) return 'it was opened for reading'
  return inRecovery ? 'the server is a standby, which can only be read' : undefined
}

/** Made where there is none, if it may be. */
async function ownJournal(connection: Connection, options: PostgresOptions): Promise<number> {
  const { address, tables, create } = options
  const { schema } = address
  if (create === 'never' && (await versionOf(connection, schema, tables.version)) === undefined) throw missing(address)
  await migrate(connection, schema, tables)
  const found = await journalNumber(connection, address)
  if (found !== undefined && create === 'exclusive') {
    throw new HoldfastError('TARGET_NOT_EMPTY', `${address.label} is a journal already`, {
      hint: "Open it without create: 'exclusive', or choose another name.",
    })
  }
  if (found !== undefined) return found
  if (create === 'never') throw missing(address)
  return makeJournal(connection, options)
}

/** The head row of what stands there, whatever it says; undefined where nothing does. */
export async function headAt(
  connection: Connection,
  { address, tables }: Pick<PostgresOptions, 'address' | 'tables'>,
): Promise<HeadRow | undefined> {
  if ((await versionOf(connection, address.schema, tables.version)) === undefined) return undefined
  const text = `select ${headColumns} from ${quoted(address.schema)}.head h where h.name = $1`
  const [row] = await connection.rows(text, [address.journal])
  return row === undefined ? undefined : headOf(row, address.label)
}

async function theirJournal(connection: Connection, { address, tables }: PostgresOptions): Promise<number> {
  const version = await versionOf(connection, address.schema, tables.version)
  if (version !== undefined && version < tables.version) {
    throw new HoldfastError(
      'READ_ONLY',
      `${address.label}: the tables are of version ${version}, and can't be upgraded`,
      {
        hint: 'Open the journal for writing once; that brings them up to date.',
      },
    )
  }
  const found = version === undefined ? undefined : await journalNumber(connection, address)
  if (found === undefined) throw missing(address)
  return found
}

async function journalNumber(
  connection: Connection,
  { schema, journal }: PostgresAddress,
): Promise<number | undefined> {
  const [row] = await connection.rows(`select h.journal from ${quoted(schema)}.head h where h.name = $1`, [journal])
  return row?.journal as number | undefined
}

/** Two that make it at once both find the one that was first. */
async function makeJournal(connection: Connection, options: PostgresOptions): Promise<number> {
  const { address, clock, random, journalId, create } = options
  const table = `${quoted(address.schema)}.head`
  const head =
    options.head ??
    firstHead({
      journalId: journalId ?? random.hex(16),
      epoch: random.hex(16),
      created: clock.now(),
      copying: undefined,
    })
  for (;;) {
    const [made] = await connection.rows(
      `insert into ${table} (journal, name, journal_id, epoch, created, copying, sum)
       select coalesce(max(h.journal), 0) + 1, $1, $2, $3, $4, $5, $6 from ${table} h
       on conflict do nothing returning journal`,
      [address.journal, head.journalId, head.epoch, head.created, head.copying ?? null, sumOf(headValues(head))],
    )
    if (made !== undefined) return made.journal as number
    // Another made this one, or another one of the same number.
    const found = await journalNumber(connection, address)
    if (found !== undefined && create !== 'exclusive') return found
    if (found !== undefined) return ownJournal(connection, options)
  }
}

function missing({ label }: PostgresAddress): HoldfastError {
  return new HoldfastError('JOURNAL_MISSING', `there is no journal at ${label}`, {
    hint: 'Check the URL, its schema and its journal; opening for writing makes a new one.',
  })
}
