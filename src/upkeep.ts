// Looking after a journal that can't or shouldn't be opened: verification of a directory as it lies there, and repair of
// what an operator chose among its findings.

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { nodeDisk } from './disks/node-disk.ts'
import { type RepairAction, type RepairReport, repairDirectory } from './engine/repair.ts'
import { verifyDirectory } from './engine/verify.ts'
import { HoldfastError } from './errors.ts'
import { systemClock } from './host/clock.ts'
import { parseTarget } from './open.ts'
import type { LongWork, VerifyProgress, VerifyReport } from './stores/store.ts'

export interface RepairOptions {
  /** What to do, chosen among what verify() offers. */
  readonly actions: readonly RepairAction[]
  /** Says what would be done and lost, and changes nothing. */
  readonly dryRun?: boolean
  /** From a writer that has stopped without letting go of the journal. */
  readonly takeover?: boolean
}

/** Verifies a journal that isn't open for writing anywhere, also one that can't be opened. Changes nothing. */
export async function verify(target: string | URL, work: LongWork<VerifyProgress> = {}): Promise<VerifyReport> {
  const parsed = parseTarget(target)
  if (parsed.kind === 'sqlite') return (await import('./open-sqlite.ts')).verifySqlite(parsed.path, work)
  if (parsed.kind === 'postgres') return (await import('./open-postgres.ts')).verifyPostgres(parsed.url, work)
  return verifyDirectory(nodeDisk(directoryOf(target, 'verify')), work)
}

/** Carries out what was chosen among the findings of verify(), copying first; the report ends with another verification. */
export async function repair(target: string | URL, options: RepairOptions): Promise<RepairReport> {
  const { actions, dryRun = false, takeover = false } = options
  const ownership = { process: { pid: process.pid, host: hostname() }, takeover }
  return repairDirectory(nodeDisk(directoryOf(target, 'repair')), { actions, dryRun, ownership, clock: systemClock })
}

function directoryOf(target: string | URL, what: string): string {
  const parsed = parseTarget(target)
  if (parsed.kind === 'file') return resolve(parsed.path)
  const shown = parsed.kind === 'postgres' ? 'a database server' : String(target)
  throw new HoldfastError('UNSUPPORTED', `there is nothing to ${what} in ${shown}`, {
    hint: insteadOfRepair[parsed.kind],
  })
}

const insteadOfRepair = {
  memory: 'Give the directory of a journal.',
  sqlite: "Restore a backup. SQLite's own .recover saves what can be read of a damaged file.",
  postgres: "Restore a backup, or go on with a standby. A damaged index is made anew by the server's REINDEX.",
} as const
