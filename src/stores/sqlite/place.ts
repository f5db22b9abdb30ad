// Opening connections to one file, each with the settings that the guarantees rest on. What is set is read back: a setting
// that didn't take is refused, not hoped for.

import { HoldfastError, isHoldfastError } from '../../errors.ts'
import { busyMs, Connection } from './connection.ts'
import type { SqliteDriver } from './driver.ts'

export interface SqlitePlace {
  readonly driver: SqliteDriver
  /** Absolute. */
  readonly path: string
  readonly label: string
}

/** Pages that a connection keeps: 16 MB. */
const cacheKibibytes = 16_384
/** What stays of the log's file after a checkpoint. */
const logBytesMax = 67_108_864
const fullSync = 2

/** For writing: a log that is written ahead (WAL), synced in each commit. */
export function connectWriter(place: SqlitePlace): Connection {
  return connect(place, false, (connection) => {
    const mode = connection.value('PRAGMA journal_mode = WAL')
    if (mode !== 'wal') throw noWal(place.label, mode)
    connection.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
    if (connection.value('PRAGMA synchronous') !== fullSync) throw noSync(place.label)
    connection.exec(`PRAGMA journal_size_limit = ${logBytesMax}`)
  })
}

/** For reading beside the writer, in this process or another. */
export function connectReader(place: SqlitePlace, readOnly: boolean): Connection {
  return connect(place, readOnly, (connection) => connection.exec('PRAGMA query_only = ON'))
}

/** To look at a file that may be anything: changes nothing about it. */
export function connectToLook(place: SqlitePlace): Connection {
  return connect(place, true, () => undefined)
}

function connect(
  { driver, path, label }: SqlitePlace,
  readOnly: boolean,
  settings: (connection: Connection) => void,
): Connection {
  try {
    return new Connection({
      label,
      open: () => driver.open(path, { readOnly, timeout: busyMs }),
      configure(connection) {
        connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY')
        connection.exec(`PRAGMA cache_size = -${cacheKibibytes}`)
        // The first page is read: what is no database shows here.
        connection.value('PRAGMA schema_version')
        settings(connection)
      },
    })
  } catch (error) {
    throw isHoldfastError(error, 'DAMAGED') ? notADatabase(label, error) : error
  }
}

function notADatabase(label: string, cause: HoldfastError): HoldfastError {
  return new HoldfastError('NOT_A_JOURNAL', `${label} is no SQLite database, or its beginning is damaged`, {
    hint: 'Check the path. If a journal should be there, restore a backup. Nothing was changed.',
    cause,
  })
}

function noWal(label: string, mode: unknown): HoldfastError {
  return new HoldfastError('UNSUPPORTED', `${label} can't use a write-ahead log (journal_mode is ${String(mode)})`, {
    hint: 'The file system must allow shared memory, as local disks do and network file systems mostly do not.',
  })
}

function noSync(label: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED', `${label} does not take synchronous = FULL`, {
    hint: 'The SQLite driver was built without it: use Node’s own, or @photostructure/sqlite.',
  })
}
