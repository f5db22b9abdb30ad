// Workers in processes of their own on one database: they share runs, are killed, and are stopped and go on.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, it } from 'vitest'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { open } from '../../src/open.ts'
import { goOnAtOnce, leaveStopped, shareRuns, takeOverKilled, takeOverStopped } from '../kill/shared-runs.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let server: PostgresServer
let target: string
let journal: HoldfastJournal
let journals = 0

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  server = await PostgresServer.start()
}, startTimeoutMs)
afterAll(() => server.dispose())
beforeEach(async () => {
  journals += 1
  target = `${server.url()}?journal=workers-${journals}`
  journal = await open(target)
})
afterEach(() => journal.close())

it('share runs: each step is called once', { timeout: 300_000 }, () => shareRuns(journal, target))
it('take over what a killed one had', { timeout: 120_000 }, () => takeOverKilled(journal, target))
it('go on at once with what a killed one had', { timeout: 120_000 }, () => goOnAtOnce(journal, target))
it('leave alone what a stopped one has', { timeout: 120_000 }, () => leaveStopped(journal, target))
it('take over what a stopped one had, and shut it out', { timeout: 120_000 }, () => takeOverStopped(journal, target))
