// The stores that can keep a history, by the names under which tables know them.

import { holdfast } from './holdfast.mjs'
import { lmdb, lmdbJson } from './lmdb.mjs'
import { sqlite } from './sqlite.mjs'

export const peers = { holdfast, sqlite, lmdb, 'lmdb, JSON': lmdbJson }
