// From the version of the schema that a file has to the one that this release writes, step by step, in one transaction: all
// of the steps or none. A new file begins at version 0, without tables; the first step makes them.

import { HoldfastError } from '../../errors.ts'
import { type Connection, numberIn } from './connection.ts'
import { applicationId, releasedLeases, schemaVersion, tables, views } from './schema.ts'

export interface Migration {
  /** The version that it leads to, from the one before. */
  readonly to: number
  run(connection: Connection): void
}

export const migrations: readonly Migration[] = [
  { to: 1, run: (connection) => connection.exec(tables + views) },
  { to: 2, run: (connection) => connection.exec(releasedLeases) },
]

export interface Versions {
  readonly application: number
  readonly version: number
  /** Tables, indexes and views in the file. */
  readonly objects: number
}

export function versionsOf(connection: Connection): Versions {
  const pragma = (sql: string): number => numberIn(connection.get(sql) ?? [], 0, connection.label)
  return {
    application: pragma('PRAGMA application_id') | 0,
    version: pragma('PRAGMA user_version'),
    objects: pragma('SELECT count(*) FROM sqlite_schema'),
  }
}

/** Runs what is missing. The caller has begun a transaction, and commits it. */
export function migrate(connection: Connection, from: number, steps: readonly Migration[] = migrations): void {
  for (const step of steps) {
    if (step.to <= from) continue
    step.run(connection)
    connection.exec(`PRAGMA user_version = ${step.to}`)
  }
  connection.exec(`PRAGMA application_id = ${applicationId}`)
}

/** Whether it is a journal of ours; undefined for a file that holds nothing yet. */
export function mustBeOurs({ application, version, objects }: Versions, label: string): 'journal' | 'empty' {
  if (application === applicationId) {
    if (version <= schemaVersion) return 'journal'
    throw new HoldfastError(
      'NEWER_FORMAT',
      `${label} has schema version ${version}; this release knows ${schemaVersion}`,
      {
        hint: 'Install the newer release of holdfast that wrote it.',
        details: { version, supported: schemaVersion },
      },
    )
  }
  if (objects === 0 && application === 0 && version === 0) return 'empty'
  throw new HoldfastError('FOREIGN_FILE', `${label} is a SQLite database of something else`, {
    hint: 'Choose another name for the journal. Nothing was changed.',
    details: { applicationId: application },
  })
}
