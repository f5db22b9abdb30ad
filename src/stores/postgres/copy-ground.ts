// A database as the ground of a copy. Who is at it holds an advisory lock in a transaction of its own, which the server
// ends with the connection, whatever becomes of the process; behind a pooler, too, it stays on one connection.

import { createHash } from 'node:crypto'
import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { CopyGround, HeldGround } from '../sql/copy-ground.ts'
import type { HeadRow } from '../sql/rows.ts'
import type { PostgresAddress } from './address.ts'
import type { PostgresBackend } from './backend.ts'
import type { Connection } from './connection.ts'
import { loadDriver } from './driver.ts'
import { Link } from './link.ts'
import type { Tables } from './migration.ts'
import { headAt, openPostgres } from './open.ts'

export interface PostgresGround {
  readonly address: PostgresAddress
  readonly tables: Tables
  readonly clock: Clock
  readonly random: Random
}

export function postgresCopyGround(ground: PostgresGround): CopyGround {
  const { address, tables } = ground
  return {
    name: address.label,
    look: () => connected(ground, (connection) => headAt(connection, { address, tables })),
    hold: () => hold(ground),
  }
}

async function hold(ground: PostgresGround): Promise<HeldGround> {
  const { address } = ground
  const holding = await connect(ground)
  try {
    await holding.rows('begin; set local idle_in_transaction_session_timeout = 0')
    const [row] = await holding.rows('select pg_try_advisory_xact_lock($1::bigint) as mine', [lockNumber(address)])
    if (row?.mine !== true) throw locked(address.label)
  } catch (error) {
    holding.drop()
    throw error
  }
  const openBackend = (options: { readonly create: 'exclusive' | 'never'; readonly head?: HeadRow }) =>
    openPostgres({ ...ground, ...options })
  return {
    make: async (head) => (await openBackend({ create: 'exclusive', head })).close(),
    open: () => openBackend({ create: 'never' }),
    async remove() {
      const backend: PostgresBackend = await openBackend({ create: 'never' })
      await backend.removeJournal().finally(() => backend.close())
    },
    release: () => holding.close(),
  }
}

async function connected<T>(ground: PostgresGround, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect(ground)
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

async function connect({ address, clock }: PostgresGround): Promise<Connection> {
  const link = new Link({ driver: await loadDriver(), address, clock })
  return (await link.patiently()).connection
}

/** The same for the same journal of a database, and hardly for another. */
function lockNumber({ schema, journal }: PostgresAddress): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(['holdfast copy', schema, journal]))
    .digest()
  return hash.readBigInt64BE().toString()
}

function locked(label: string): HoldfastError {
  return new HoldfastError('LOCKED', `another process is copying to ${label}`, {
    hint: 'Wait for it, or stop it and run this again.',
  })
}
