// The SQLite driver, as an interface: that of Node's own `node:sqlite`, which `@photostructure/sqlite` has too. Whichever
// is there is used; both are SQLite itself, called at once and without a server.

import { HoldfastError } from '../../errors.ts'

export type SqliteValue = number | string | Uint8Array | null
export type SqliteRow = readonly SqliteValue[]

export interface SqliteStatement {
  run(...values: readonly SqliteValue[]): {
    readonly changes: number | bigint
    readonly lastInsertRowid: number | bigint
  }
  get(...values: readonly SqliteValue[]): unknown
  all(...values: readonly SqliteValue[]): readonly unknown[]
  iterate(...values: readonly SqliteValue[]): Iterable<unknown>
  /** Not in the first releases of node:sqlite. */
  setReturnArrays?(enabled: boolean): void
}

export interface SqliteDatabase {
  exec(sql: string): void
  prepare(sql: string): SqliteStatement
  close(): void
}

export interface SqliteDriver {
  readonly name: string
  open(path: string, options: { readonly readOnly: boolean; readonly timeout: number }): SqliteDatabase
}

interface DriverModule {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly readOnly: boolean; readonly timeout: number },
  ) => SqliteDatabase
}

const builtIn = 'node:sqlite'
const peer = '@photostructure/sqlite'

/** `load` is a dynamic import. Node's own driver first; UNSUPPORTED says what to install where there is none. */
export async function findDriver(load: (name: string) => Promise<unknown>): Promise<SqliteDriver> {
  const failures: unknown[] = []
  for (const name of [builtIn, peer]) {
    try {
      const module = await load(name)
      if (isDriver(module)) return driverOf(name, module)
      failures.push(new Error(`${name} has no DatabaseSync`))
    } catch (error) {
      failures.push(error)
    }
  }
  throw new HoldfastError('UNSUPPORTED', 'this Node has no SQLite driver', {
    hint: `Install one: npm install ${peer} – or use Node 22.13 or newer, which has its own.`,
    details: { drivers: [builtIn, peer] },
    cause: new AggregateError(failures, failures.map(String).join('; ')),
  })
}

function driverOf(name: string, { DatabaseSync }: DriverModule): SqliteDriver {
  return { name, open: (path, options) => new DatabaseSync(path, options) }
}

function isDriver(module: unknown): module is DriverModule {
  return typeof (module as Partial<DriverModule> | null)?.DatabaseSync === 'function'
}
