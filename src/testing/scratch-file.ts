// A directory of its own for a database file, and the SQLite driver that this Node has.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findDriver, type SqliteDriver } from '../stores/sqlite/driver.ts'

export interface ScratchFile {
  readonly directory: string
  /** Nothing is there yet. */
  readonly path: string
  remove(): Promise<void>
}

export async function scratchFile(): Promise<ScratchFile> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-file-'))
  return { directory, path: join(directory, 'agent.db'), remove: () => rm(directory, { recursive: true, force: true }) }
}

export function testDriver(): Promise<SqliteDriver> {
  return findDriver((name) => import(name))
}
