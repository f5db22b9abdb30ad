// From a file to the store in it: what the file is, whether it may be made one of ours, and its schema brought up to date.

import { HoldfastError } from '../../errors.ts'
import type { Random } from '../../host/random.ts'
import { firstHead } from '../sql/first-head.ts'
import { toldError, withPatience } from '../sql/retry.ts'
import type { HeadRow } from '../sql/rows.ts'
import { SqlStore } from '../sql/sql-store.ts'
import { verifyRows } from '../sql/verify.ts'
import type { LongWork, VerifyProgress, VerifyReport } from '../store.ts'
import { SqliteBackend, type SqliteBackendOptions } from './backend.ts'
import { insertHead, readHead } from './head-row.ts'
import { migrate, mustBeOurs, versionsOf } from './migrations.ts'
import { connectReader, connectToLook, connectWriter, type SqlitePlace } from './place.ts'
import { schemaVersion } from './schema.ts'

export interface SqliteStoreOptions extends Omit<SqliteBackendOptions, 'readOnly'> {
  readonly random: Random
  readonly readOnly?: boolean | undefined
  /** The file is there. Whether it may become a journal if it is empty. */
  readonly mayCreate: boolean
  /** Of an import: the journal keeps its id, its history is a new one. */
  readonly journalId?: string | undefined
}

export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqlStore> {
  try {
    return await openStore(options)
  } catch (error) {
    throw toldError(error)
  }
}

async function openStore(options: SqliteStoreOptions): Promise<SqlStore> {
  const { readOnly = false, clock, random } = options
  const isOver = () => false
  const prepared = async (): Promise<void> => (readOnly ? mustBeCurrent(options) : prepare(options))
  await withPatience(clock, prepared, isOver)
  const reason = readOnly ? 'it was opened with readOnly' : undefined
  const backend = await withPatience(clock, async () => SqliteBackend.open({ ...options, readOnly: reason }), isOver)
  try {
    return await SqlStore.open({ backend, clock, random })
  } catch (error) {
    await backend.close()
    throw error
  }
}

/** As it lies there: no head has to be sound for it. Changes nothing. */
export async function verifySqliteFile(
  place: SqlitePlace & Pick<SqliteBackendOptions, 'clock'>,
  work: LongWork<VerifyProgress>,
): Promise<VerifyReport> {
  try {
    mustBeCurrent(place)
    const backend = SqliteBackend.open({ ...place, readOnly: 'it is verified', copyTo: undefined })
    try {
      return await verifyRows(backend, work, () => undefined)
    } finally {
      await backend.close()
    }
  } catch (error) {
    throw toldError(error)
  }
}

function mustBeCurrent(options: SqlitePlace): void {
  const { label } = options
  const connection = connectReader(options, true)
  try {
    const versions = versionsOf(connection)
    if (mustBeOurs(versions, label) === 'empty') throw noJournal(label)
    if (versions.version === schemaVersion) return
    throw new HoldfastError(
      'UNSUPPORTED',
      `${label} has schema version ${versions.version}, which is read only after a migration`,
      {
        hint: 'Open it once for writing: that migrates it.',
        details: { version: versions.version, supported: schemaVersion },
      },
    )
  } finally {
    connection.close()
  }
}

/** The head row, whatever it says; undefined where the file holds nothing yet. Throws what opening for reading throws. */
export function headOfSqliteFile(place: SqlitePlace): HeadRow | undefined {
  if (looked(place) === 'empty') return undefined
  mustBeCurrent(place)
  const connection = connectReader(place, true)
  try {
    return readHead(connection)
  } finally {
    connection.close()
  }
}

/** Makes what is empty a journal with this head row. */
export function makeSqliteJournal(place: SqlitePlace, head: HeadRow): void {
  if (!prepareFile(place, () => head)) throw taken(place.label)
}

function prepare(options: SqliteStoreOptions): void {
  const { label, mayCreate } = options
  // A foreign file isn't touched: not even its journal mode.
  const found = looked(options)
  if (found === 'empty' && !mayCreate) throw noJournal(label)
  if (found !== 'current') prepareFile(options, () => newHead(options))
}

/** Whether it was empty, and became a journal. */
function prepareFile(options: SqlitePlace, headOf: () => HeadRow): boolean {
  const { label } = options
  let isNew: boolean
  const connection = connectWriter(options)
  try {
    connection.begin()
    try {
      // Another process may have been quicker.
      const versions = versionsOf(connection)
      isNew = mustBeOurs(versions, label) === 'empty'
      migrate(connection, versions.version)
      if (isNew) insertHead(connection, headOf())
    } catch (error) {
      connection.rollback()
      throw error
    }
    connection.commit()
  } finally {
    connection.close()
  }
  return isNew
}

function looked(options: SqlitePlace): 'current' | 'older' | 'empty' {
  const connection = connectToLook(options)
  try {
    const versions = versionsOf(connection)
    if (mustBeOurs(versions, options.label) === 'empty') return 'empty'
    return versions.version === schemaVersion ? 'current' : 'older'
  } finally {
    connection.close()
  }
}

function newHead({ journalId, random, clock }: SqliteStoreOptions): HeadRow {
  return firstHead({
    journalId: journalId ?? random.hex(16),
    epoch: random.hex(16),
    created: clock.now(),
    copying: undefined,
  })
}

function taken(label: string): HoldfastError {
  return new HoldfastError('TARGET_NOT_EMPTY', `${label} was made a journal meanwhile`, {
    hint: 'Look what is there now, and choose another place.',
  })
}

function noJournal(label: string): HoldfastError {
  return new HoldfastError('JOURNAL_MISSING', `there is no journal in ${label}`, {
    hint: "Check the path, or open it without readOnly and without create: 'never' to make a new one.",
  })
}
