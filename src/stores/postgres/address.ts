// Where a PostgreSQL journal is: the URL that a user gives, split into what the driver is told and what is ours.
//
//   postgres://user:password@host:5432,standby:5432/database?schema=holdfast&journal=main&sslmode=require
//
// `schema`, `journal` and `pooler` are ours and never reach the driver; all else does. Several hosts are tried in order.
// Invariant: what people are shown (label) has neither password nor parameters that could hold one.

import { HoldfastError } from '../../errors.ts'

export interface PostgresAddress {
  /** One URL for the driver for each host, in the order given. */
  readonly urls: readonly string[]
  readonly schema: string
  readonly journal: string
  /** Between us and the server stands a pooler that gives each transaction another connection: nothing of a session may be
   * used, so no LISTEN and no prepared statements. */
  readonly pooler: boolean
  readonly label: string
  /** The same for the same journal, whoever asks. */
  readonly key: string
}

export interface AddressOptions {
  /** The database schema that the tables are in; 'holdfast' by default. Also as ?schema=… of the URL. */
  readonly schema?: string | undefined
  /** The journal's name among those of the schema; 'main' by default. Also as ?journal=… of the URL. */
  readonly journal?: string | undefined
}

const urlPattern = /^(postgres(?:ql)?):\/\/(?:([^@/?#]*)@)?([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i
const defaults = { schema: 'holdfast', journal: 'main' }
/** PostgreSQL cuts longer identifiers off without an error. */
const identifierBytesMax = 63
const journalBytesMax = 512

/** Throws INVALID_ARGUMENT. Options win over parameters of the URL. */
export function parseAddress(target: string | URL, options: AddressOptions = {}): PostgresAddress {
  const match = urlPattern.exec(String(target))
  if (match === null) {
    throw invalid('the URL of a PostgreSQL journal is not one', 'Write postgres://user@host/database.')
  }
  const [, scheme = '', user, authority = '', path = '', search = ''] = match
  const parameters = new URLSearchParams(search)
  const schema = options.schema ?? parameters.get('schema') ?? defaults.schema
  const journal = options.journal ?? parameters.get('journal') ?? defaults.journal
  const pooler = parameters.get('pooler') ?? 'none'
  for (const name of ['schema', 'journal', 'pooler']) parameters.delete(name)
  checkIdentifier(schema)
  checkJournal(journal)
  if (pooler !== 'none' && pooler !== 'transaction') {
    throw invalid(`pooler=${pooler} is not known`, 'Write pooler=transaction, or leave it out.')
  }
  const rest = parameters.size === 0 ? '' : `?${parameters}`
  const credentials = user === undefined ? '' : `${user}@`
  const urls = authority.split(',').map((host) => `${scheme}://${credentials}${host}${path}${rest}`)
  const name = user?.split(':')[0]
  const shown = `${name === undefined || name === '' ? '' : `${name}@`}${authority}${path}`
  const place = `schema=${encodeURIComponent(schema)}&journal=${encodeURIComponent(journal)}`
  const label = `postgres://${shown}?${place}`
  const key = `postgres://${authority}${path}?${place}`
  return { urls, schema, journal, pooler: pooler === 'transaction', label, key }
}

/** For statements: a quoted identifier. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}

function checkIdentifier(schema: string): void {
  const bytes = Buffer.byteLength(schema)
  const isFine = bytes > 0 && bytes <= identifierBytesMax && isPrintable(schema) && !schema.startsWith('pg_')
  if (!isFine) {
    throw invalid(
      `the schema ${JSON.stringify(schema)} can't be one`,
      `Use 1 to ${identifierBytesMax} bytes, not pg_….`,
    )
  }
}

function checkJournal(journal: string): void {
  const bytes = Buffer.byteLength(journal)
  if (bytes > 0 && bytes <= journalBytesMax && isPrintable(journal)) return
  throw invalid(`the journal name ${JSON.stringify(journal)} can't be one`, `Use 1 to ${journalBytesMax} bytes.`)
}

function isPrintable(text: string): boolean {
  return !/[\p{Cc}\p{Surrogate}]/u.test(text)
}

function invalid(message: string, hint: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', message, { hint })
}
