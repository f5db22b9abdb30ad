// Workers in processes of their own on one file of SQLite: they share runs, are killed, and are stopped and go on.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, it } from 'vitest'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { open } from '../../src/open.ts'
import { goOnAtOnce, leaveStopped, shareRuns, takeOverKilled, takeOverStopped } from './shared-runs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let parent: string
let target: string
let journal: HoldfastJournal

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-workers-'))
  target = join(parent, 'agent.db')
  journal = await open(target)
})
afterEach(async () => {
  await journal.close()
  await rm(parent, { recursive: true, force: true })
})

it('share runs: each step is called once', { timeout: 300_000 }, () => shareRuns(journal, target))
it('take over what a killed one had', { timeout: 120_000 }, () => takeOverKilled(journal, target))
it('go on at once with what a killed one had', { timeout: 120_000 }, () => goOnAtOnce(journal, target))
it('leave alone what a stopped one has', { timeout: 120_000 }, () => leaveStopped(journal, target))
it('take over what a stopped one had, and shut it out', { timeout: 120_000 }, () => takeOverStopped(journal, target))
