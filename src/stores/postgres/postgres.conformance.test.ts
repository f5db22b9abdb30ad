// The PostgreSQL store, held to the whole store port, on a server of its own.

import { afterAll, beforeAll, describe, it } from 'vitest'
import { PostgresServer, startTimeoutMs } from '../../../test/postgres/server.ts'
import { registerConformance } from '../../testing/conformance.ts'
import { postgresTarget } from '../../testing/postgres-target.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

registerConformance(
  postgresTarget(() => server.url()),
  { describe, it, skip: it.skip },
)
