// What this store uses of the package `pg`, as types of our own: the package is an optional peer, so nothing that a user
// without PostgreSQL loads may import it, and its types are not part of ours.

import { HoldfastError } from '../../errors.ts'

export interface DriverResult {
  readonly rows: readonly Row[]
  readonly rowCount: number | null
  /** The first word of what the server answers: SELECT, COMMIT, ROLLBACK … */
  readonly command: string
}

/** Columns by name; every bigint as a number (all of ours are safe integers). */
export type Row = Readonly<Record<string, unknown>>

export interface DriverQuery {
  readonly text: string
  readonly values?: readonly unknown[]
  /** Prepared once for a connection under this name. */
  readonly name?: string
}

export interface DriverClient {
  connect(): Promise<unknown>
  query(query: DriverQuery): Promise<DriverResult>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notice', listener: (notice: { readonly routine?: string | undefined }) => void): unknown
  on(
    event: 'notification',
    listener: (message: { readonly channel: string; readonly payload?: string }) => void,
  ): unknown
  /** Closes the socket at once, without a word to the server. */
  readonly connection: { readonly stream: { destroy(): unknown } }
}

export interface Driver {
  readonly Client: new (config: object) => DriverClient
  readonly types: { getTypeParser(oid: number, format?: string): (value: string) => unknown }
}

/** Throws UNSUPPORTED when it isn't installed. */
export async function loadDriver(): Promise<Driver> {
  let loaded: unknown
  try {
    loaded = await import('pg')
  } catch (cause) {
    throw new HoldfastError('UNSUPPORTED', "the package 'pg', which speaks to PostgreSQL, could not be loaded", {
      hint: 'Install it beside holdfast: npm install pg',
      cause,
    })
  }
  return (loaded as { readonly default: Driver }).default
}

const bigintOid = 20

/** Types as the driver reads them, but for bigint: our numbers stay within what a JavaScript number holds exactly. */
export function typesOf(driver: Driver): object {
  return {
    getTypeParser: (oid: number, format?: string) =>
      oid === bigintOid ? Number : driver.types.getTypeParser(oid, format),
  }
}
