// What a server must be before a journal is trusted to it, looked at over each new connection: another server may stand
// behind the same address after a failover, with other settings.

import { HoldfastError } from '../../errors.ts'
import type { Connection } from './connection.ts'

export interface ServerFacts {
  readonly version: number
  /** A standby: it can only be read. */
  readonly inRecovery: boolean
  /** As configured for this user: off, local, remote_write, on, remote_apply. */
  readonly synchronousCommit: string
}

const versionMin = 140_000

const question = `
  select current_setting('server_version_num')::integer as version, pg_is_in_recovery() as recovering,
         current_setting('fsync') as fsync, current_setting('full_page_writes') as pages,
         current_setting('synchronous_commit') as commits, current_setting('server_encoding') as encoding`

/** Rejects with UNSUPPORTED when an acknowledged append could be lost there, or text come back as another. */
export async function checkServer(connection: Connection, label: string): Promise<ServerFacts> {
  const [row] = await connection.rows(question)
  const { version, recovering, fsync, pages, commits, encoding } = row ?? {}
  const refuse = (why: string, hint: string): HoldfastError =>
    new HoldfastError('UNSUPPORTED', `${label}: ${why}`, { hint, details: { file: label } })
  if (Number(version) < versionMin) {
    throw refuse(`the server is version ${Number(version) / 10_000}`, 'Use PostgreSQL 14 or newer.')
  }
  if (fsync !== 'on') throw refuse('the server runs with fsync=off', 'A power cut would destroy it: set fsync=on.')
  if (pages !== 'on') {
    throw refuse('the server runs with full_page_writes=off', 'A torn page would destroy it: set full_page_writes=on.')
  }
  if (encoding !== 'UTF8') {
    throw refuse(`the database's encoding is ${String(encoding)}`, "Create it with encoding 'UTF8'.")
  }
  return { version: Number(version), inRecovery: recovering === true, synchronousCommit: String(commits) }
}
