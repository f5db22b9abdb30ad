// The PostgreSQL store, held to the whole store port, on a server of its own.

import { afterAll, beforeAll } from 'vitest'
import { holdToConformance } from '../../../test/conformance/counted.ts'
import { PostgresServer, startTimeoutMs } from '../../../test/postgres/server.ts'
import { postgresTarget } from '../../testing/postgres-target.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

holdToConformance(postgresTarget(() => server.url()))
