// Opening: from a target to the store behind it, and the journal on top.

import { fileURLToPath } from 'node:url'
import type { EventDefinitions } from './core/schema.ts'
import { nodeFiles } from './disks/node-files.ts'
import { HoldfastError } from './errors.ts'
import { type FeatureOptions, HoldfastJournal } from './holdfast-journal.ts'
import { systemClock } from './host/clock.ts'
import { systemRandom } from './host/random.ts'
import { invalidArgument } from './journal/argument.ts'
import type { NoDefinitions } from './journal/event.ts'
import type { JournalOptions } from './journal.ts'
import { openDirectory } from './open-directory.ts'
import { memoryStore } from './stores/memory.ts'
import { parseAddress } from './stores/postgres/address.ts'
import type { Store } from './stores/store.ts'

export interface OpenOptions<D extends EventDefinitions = NoDefinitions>
  extends Omit<JournalOptions<D>, 'target' | 'files'>,
    FeatureOptions {
  /** Opens for reading, beside a writer. */
  readonly readOnly?: boolean
  /** Takes a journal over from a writer that has stopped without letting go of it. */
  readonly takeover?: boolean
  /** Whether a journal is made where none is: 'if-missing' by default; 'exclusive' refuses one that is there. */
  readonly create?: 'if-missing' | 'never' | 'exclusive'
  /** At which size a segment of the log is closed and a new one begun. */
  readonly segmentBytes?: number
  /** In PostgreSQL: the database schema with the tables; 'holdfast' by default. Also as ?schema=… of the URL. */
  readonly schema?: string
  /** In PostgreSQL: the journal's name among those of the schema; 'main' by default. Also as ?journal=… of the URL. */
  readonly journal?: string
}

export type Target =
  | { readonly kind: 'memory' }
  /** A directory. */
  | { readonly kind: 'file'; readonly path: string }
  /** A file of SQLite. */
  | { readonly kind: 'sqlite'; readonly path: string }
  /** A database of PostgreSQL. The URL may hold a password: nobody is shown it. */
  | { readonly kind: 'postgres'; readonly url: string }

// One letter before the colon is a drive of Windows.
const schemePattern = /^([A-Za-z][A-Za-z0-9+.-]+):/
const knownSchemes = ['memory:', 'file:', 'sqlite:', 'postgres:']
const sqliteNames = /\.(?:db|sqlite|sqlite3)$/i

/** Opens a journal: a directory, a file of SQLite (`agent.db`) or a database of PostgreSQL (`postgres://…`), made if
 * missing, or `memory:`. */
export async function open<const D extends EventDefinitions = NoDefinitions>(
  target: string | URL,
  options: OpenOptions<D> = {},
): Promise<HoldfastJournal<D>> {
  const place = parseTarget(target)
  const store = await openStore(place, options)
  try {
    const shown = place.kind === 'postgres' ? parseAddress(place.url, options).label : String(target)
    return new HoldfastJournal(store, { ...options, target: shown, files: nodeFiles })
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Throws UNKNOWN_SCHEME. */
export function parseTarget(target: string | URL): Target {
  const text = String(target)
  if (text === '') throw invalidArgument('the target', 'a directory or a URL')
  const scheme = schemePattern.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) return { kind: sqliteNames.test(text) ? 'sqlite' : 'file', path: text }
  if (text === 'memory:') return { kind: 'memory' }
  if (scheme === 'file') return { kind: 'file', path: fileURLToPath(text) }
  if (scheme === 'sqlite') return { kind: 'sqlite', path: sqlitePath(text.slice('sqlite:'.length)) }
  if (scheme === 'postgres' || scheme === 'postgresql') return { kind: 'postgres', url: text }
  throw new HoldfastError('UNKNOWN_SCHEME', `no store is known for ${JSON.stringify(`${scheme}:`)}`, {
    hint: `Give the path of a directory or of a .db file, or a URL that begins with one of: ${knownSchemes.join(', ')}.`,
    details: { scheme, known: knownSchemes },
  })
}

/** What stands behind `sqlite:`: a path as it is, or that of a URL (sqlite:///var/agent.db). */
function sqlitePath(text: string): string {
  if (text === ':memory:' || text === '') {
    throw invalidArgument('the target', 'a file of SQLite', "For a journal in memory, open 'memory:'.")
  }
  return text.startsWith('//') ? fileURLToPath(`file:${text}`) : text
}

async function openStore(target: Target, options: OpenOptions<EventDefinitions>): Promise<Store> {
  const { clock = systemClock, random = systemRandom, create, readOnly } = options
  if (target.kind === 'file') return openDirectory(target.path, options)
  // The code of databases is a third of all: whoever keeps a journal in a directory doesn't wait until it is loaded.
  if (target.kind === 'sqlite') return (await import('./open-sqlite.ts')).openSqlite(target.path, options)
  if (target.kind === 'postgres') return (await import('./open-postgres.ts')).openPostgresStore(target.url, options)
  if (create === 'never' || readOnly === true) {
    throw new HoldfastError('JOURNAL_MISSING', 'a journal in memory is always a new one', {
      hint: "Open 'memory:' without readOnly, and without create: 'never'.",
    })
  }
  return memoryStore({ clock, random })
}
