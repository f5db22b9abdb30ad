// Where a store keeps a journal that a work calls by the path of a directory: there, or in PostgreSQL, in a schema that is
// named after it. (A database for each would take a third of a second to make.)

import { rmSync } from 'node:fs'
import { basename } from 'node:path'
import { copyDirectory, sizeOf } from './journal-files.mjs'
import { onServer, postgresUrl } from './postgres-server.mjs'

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

export const schemas = {
  /** What was written before is behind the server when it resolves, so that all begin alike. */
  make(directory) {
    return onServer(async (client) => {
      await client.query(`CREATE SCHEMA ${schemaNamed(directory)}`)
      await client.query('CHECKPOINT')
    })
  },
  /** What autovacuum does within minutes of use, now, so that what is measured next has it behind it. */
  settle() {
    return onServer(async (client) => {
      await client.query('VACUUM ANALYZE')
      await client.query('CHECKPOINT')
    })
  },
  /** Of the tables with their indexes; the log, which the server writes for all and uses again, is not in it. */
  sizeOf(directory) {
    return onServer(async (client) => {
      const { rows } = await client.query(
        `SELECT sum(pg_total_relation_size(oid))::float8 AS bytes FROM pg_class
          WHERE relkind = 'r' AND relnamespace = $1::regnamespace`,
        [schemaNamed(directory)],
      )
      return { allocated: rows[0].bytes, length: rows[0].bytes }
    })
  },
  async copy(from) {
    throw new Error(`a journal in PostgreSQL is not copied: ${from}`)
  },
  remove(directory) {
    return onServer((client) => client.query(`DROP SCHEMA ${schemaNamed(directory)} CASCADE`))
  },
}

/** As Holdfast takes it; it makes its tables there. */
export function journalUrl(directory) {
  return `${postgresUrl()}?schema=${schemaNamed(directory)}`
}

/** What connections of others are told, whose statements name no schema. */
export function searchPathOf(directory) {
  return `-c search_path=${schemaNamed(directory)}`
}

export function schemaNamed(directory) {
  return basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
}

export function placeOf(peer) {
  return peer.place ?? directories
}
