// What can be copied from and to, by kind of store. A new kind needs a case here and a CopyKind of its own, no more.

import { realpath, rmdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCodeOf } from './disks/disk-error.ts'
import { nodeDisk } from './disks/node-disk.ts'
import { HoldfastError, isHoldfastError } from './errors.ts'
import type { Clock } from './host/clock.ts'
import type { Random } from './host/random.ts'
import { invalidArgument } from './journal/argument.ts'
import { type Journal, storeOf } from './journal.ts'
import { makeDirectories } from './make-directories.ts'
import type { Target } from './open.ts'
import { openDirectory } from './open-directory.ts'
import { openPostgresStore, postgresTables } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'
import { sqliteCopyGround } from './sqlite-copy-ground.ts'
import type { CopyKind, CopySource, CopyTarget } from './stores/copy-port.ts'
import { fileCopyTarget } from './stores/file/copy-target.ts'
import type { FileStore } from './stores/file/file-store.ts'
import { isMemoryStore } from './stores/memory.ts'
import { parseAddress } from './stores/postgres/address.ts'
import { postgresCopyGround } from './stores/postgres/copy-ground.ts'
import { sqlCopyTarget } from './stores/sql/copy-target.ts'

export interface CopyPlaceOptions {
  readonly clock: Clock
  readonly random: Random
  /** Of a directory that is copied to. */
  readonly segmentBytes: number
}

/** Of what was named. */
export async function copyKindOf(target: Target, options: CopyPlaceOptions): Promise<CopyKind> {
  switch (target.kind) {
    case 'file':
      return directoryKind(target.path, options)
    case 'sqlite':
      return sqliteKind(target.path, options)
    case 'postgres':
      return postgresKind(target.url, options)
    case 'memory':
      throw invalidArgument(
        'what is copied',
        'a directory or a database',
        'A journal in memory is given as itself: open() it.',
      )
  }
}

/** Of a journal that is open in this process: it can be copied from, and one in memory that is empty also to. */
export function openJournalKind(journal: Journal): CopyKind {
  const store = storeOf(journal)
  const name = journal.target
  return {
    name,
    key: store,
    source: async () => ({ name, store, close: async () => undefined }),
    target: () => {
      if (isMemoryStore(store)) return store.copyTarget(name)
      throw invalidArgument(
        'an open journal that is copied to',
        'one in memory',
        'Give the path, and close the journal.',
      )
    },
  }
}

async function sqliteKind(path: string, { clock, random }: CopyPlaceOptions): Promise<CopyKind> {
  const file = resolve(path)
  return {
    name: file,
    key: await realPath(file),
    async source({ fork }) {
      const store = await openSqlite(file, { readOnly: fork, create: 'never', clock })
      return { name: file, store, close: () => store.close() }
    },
    target: () => sqlCopyTarget({ ground: sqliteCopyGround(file, clock), clock, random }),
  }
}

function postgresKind(url: string, { clock, random }: CopyPlaceOptions): CopyKind {
  const address = parseAddress(url)
  const { label: name, key } = address
  return {
    name,
    key,
    async source({ fork }) {
      const store = await openPostgresStore(url, { readOnly: fork, create: 'never', clock })
      return { name, store, close: () => store.close() }
    },
    target() {
      const ground = postgresCopyGround({ address, tables: postgresTables(), clock, random })
      return sqlCopyTarget({ ground, clock, random })
    },
  }
}

async function directoryKind(
  path: string,
  { clock, segmentBytes }: Omit<CopyPlaceOptions, 'random'>,
): Promise<CopyKind> {
  const directory = resolve(path)
  return {
    name: directory,
    key: await realPath(directory),
    source: ({ fork }) => directorySource(directory, { fork, clock }),
    target: () => directoryTarget(directory, { clock, segmentBytes }),
  }
}

function directoryTarget(directory: string, options: Omit<CopyPlaceOptions, 'random'>): CopyTarget {
  return fileCopyTarget(directory, {
    ...options,
    disk: nodeDisk(directory),
    process: { pid: process.pid, host: hostname() },
    make: async () => {
      await makeDirectories(directory)
      await nodeDisk(dirname(directory)).syncDirectory('')
    },
    remove: () => removeEmpty(directory),
  })
}

async function directorySource(
  directory: string,
  { fork, clock }: { readonly fork: boolean; readonly clock: Clock },
): Promise<CopySource> {
  const store = await openSource(directory, { fork, clock })
  const close = (): Promise<void> => store.close()
  const source = { name: directory, store, close }
  return fork ? source : { ...source, hold: (relocation) => store.hold(relocation) }
}

async function openSource(
  directory: string,
  { fork, clock }: { readonly fork: boolean; readonly clock: Clock },
): Promise<FileStore> {
  try {
    return await openDirectory(directory, { create: 'never', readOnly: fork, evenMoved: true, clock })
  } catch (error) {
    if (fork || !isHoldfastError(error, 'LOCKED')) throw error
    throw new HoldfastError('LOCKED', error.message, {
      hint: 'To move the journal, stop that process first. To copy it beside that process, use --fork (fork: true).',
      cause: error,
      details: error.details,
    })
  }
}

/** Links followed, as far as it is there. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT' || dirname(path) === path) return path // whoever opens it says what is wrong
    return join(await realPath(dirname(path)), basename(path))
  }
}

async function removeEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined) // somebody else's file in it is a reason to leave it
}
