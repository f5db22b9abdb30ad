// The stores that can keep a history, by the names under which tables know them.

import { holdfast, holdfastPostgres, holdfastSqlite } from './holdfast.mjs'
import { lmdb, lmdbJson } from './lmdb.mjs'
import { insertBatched, insertInOrder, insertUnordered } from './postgres.mjs'
import { sqlite } from './sqlite.mjs'

export const peers = {
  holdfast,
  sqlite,
  lmdb,
  'lmdb, JSON': lmdbJson,
  'holdfast, SQLite': holdfastSqlite,
  'holdfast, PostgreSQL': holdfastPostgres,
  postgres: insertInOrder,
  'postgres, no order': insertUnordered,
  'postgres, batched': insertBatched,
}
