// Where a store keeps a journal that a work calls by the path of a directory: there, or in a database that is named after
// it, on the server that the run has started.

import { rmSync } from 'node:fs'
import { basename } from 'node:path'
import { copyDirectory, sizeOf } from './journal-files.mjs'
import { onDatabase, onServer, postgresUrl } from './postgres-server.mjs'

export const directories = {
  async make() {},
  async settle() {},
  async sizeOf(directory) {
    return sizeOf(directory)
  },
  async copy(from, to) {
    copyDirectory(from, to)
  },
  async remove(directory) {
    rmSync(directory, { recursive: true })
  },
}

export const databases = {
  make(directory) {
    return onServer((client) => client.query(`CREATE DATABASE ${databaseOf(directory)}`))
  },
  /** What autovacuum does within minutes of use, now, so that what is measured next has it behind it. */
  settle(directory) {
    return onDatabase(databaseOf(directory), async (client) => {
      await client.query('VACUUM ANALYZE')
      await client.query('CHECKPOINT')
    })
  },
  /** Of the tables with their indexes; the log, which the server writes for all databases and uses again, is not in it. */
  sizeOf(directory) {
    return onDatabase(databaseOf(directory), async (client) => {
      const { rows } = await client.query(`
        SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`)
      return { allocated: rows[0].bytes, length: rows[0].bytes }
    })
  },
  copy(from, to) {
    return onServer((client) => client.query(`CREATE DATABASE ${databaseOf(to)} TEMPLATE ${databaseOf(from)}`))
  },
  remove(directory) {
    return onServer((client) => client.query(`DROP DATABASE ${databaseOf(directory)} WITH (FORCE)`))
  },
}

export function databaseUrl(directory) {
  return postgresUrl(databaseOf(directory))
}

export function databaseOf(directory) {
  return basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
}

export function placeOf(peer) {
  return peer.place ?? directories
}
