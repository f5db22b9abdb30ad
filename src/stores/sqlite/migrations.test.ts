// From version to version: all steps that are missing, or none of them.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, event, events } from '../../testing/conformance/batches.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { type Migration, migrate, migrations, versionsOf } from './migrations.ts'
import { connectWriter, type SqlitePlace } from './place.ts'
import { applicationId, schemaVersion } from './schema.ts'

let file: ScratchFile
let place: SqlitePlace

beforeEach(async () => {
  file = await scratchFile()
  place = { driver: await testDriver(), path: file.path, label: 'agent.db' }
})
afterEach(() => file.remove())

function inTransaction(work: (connection: ReturnType<typeof connectWriter>) => void): void {
  const connection = connectWriter(place)
  try {
    connection.begin()
    try {
      work(connection)
    } catch (error) {
      connection.rollback()
      throw error
    }
    connection.commit()
  } finally {
    connection.close()
  }
}

function look() {
  const connection = connectWriter(place)
  try {
    const names = connection
      .all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .map(([name]) => name)
    return { ...versionsOf(connection), names }
  } finally {
    connection.close()
  }
}

describe('migrations', () => {
  it('lead from an empty file to what this release writes, one version after the other', () => {
    expect(migrations.map(({ to }) => to)).toEqual(Array.from({ length: schemaVersion }, (_, index) => index + 1))
    inTransaction((connection) => migrate(connection, 0))
    expect(look()).toMatchObject({ application: applicationId, version: schemaVersion })
    expect(look().names).toContain('event')
  })

  it('run what a file lacks, and nothing that it has', () => {
    const ran: number[] = []
    const steps: readonly Migration[] = [1, 2, 3].map((to) => ({
      to,
      run: (connection) => {
        ran.push(to)
        connection.exec(`CREATE TABLE step_${to} (n INTEGER)`)
      },
    }))
    inTransaction((connection) => migrate(connection, 0, steps.slice(0, 1)))
    expect(look()).toMatchObject({ version: 1, names: ['step_1'] })
    inTransaction((connection) => migrate(connection, 1, steps))
    expect(ran).toEqual([1, 2, 3])
    expect(look()).toMatchObject({ version: 3, names: ['step_1', 'step_2', 'step_3'] })
  })

  it('that fail half-way leave the file as it was', () => {
    const one: Migration = { to: 1, run: (connection) => connection.exec('CREATE TABLE step_1 (n INTEGER)') }
    const two: Migration = {
      to: 2,
      run: (connection) => connection.exec('DROP TABLE step_1; CREATE TABLE step_2 (n INTEGER)'),
    }
    const failing: Migration = { to: 3, run: (connection) => connection.exec('DROP TABLE absent') }
    inTransaction((connection) => migrate(connection, 0, [one]))
    expect(() => inTransaction((connection) => migrate(connection, 1, [one, two, failing]))).toThrow()
    expect(look()).toMatchObject({ version: 1, names: ['step_1'] })
  })

  it('keep what is there: a file of the version before has its content when it is opened', async () => {
    const before = await openSqlite(file.path)
    await before.append(batch([event('a'), event('b')]))
    const shown = await events(before)
    await before.close()
    // As the version before would have left it: the same tables, without what the newest step adds.
    inTransaction((connection) => {
      connection.exec(`PRAGMA user_version = ${schemaVersion - 1}`)
      const step: Migration = {
        to: schemaVersion,
        run: (one) => one.exec('ALTER TABLE type ADD COLUMN note TEXT; UPDATE type SET note = name'),
      }
      migrate(connection, schemaVersion - 1, [step])
    })
    const store = await openSqlite(file.path)
    expect(await events(store)).toEqual(shown)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  })
})
