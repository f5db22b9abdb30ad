// Runs that sleep or wait take little memory, in a process that has started them all. SLEEPING_RUNS sets how many there are;
// what they may take is 200 MB for 100,000 above an empty process, and what the 1,000 that stay in memory take.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const runs = Number(process.env.SLEEPING_RUNS ?? 5_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
const script = fileURLToPath(new URL('sleeping-runs.mjs', import.meta.url))
/** What 1,000 take in memory, and what a young heap takes. */
const residentMiB = 50
const bytesPerRun = 2_000

let directory = ''

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  directory = await mkdtemp(join(tmpdir(), 'holdfast-sleeping-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

it(`${runs} runs that sleep or wait take ${bytesPerRun} bytes each, and come back`, {
  timeout: 120_000 + runs * 10,
}, async () => {
  const args = ['--expose-gc', script, join(directory, 'agent'), `${runs}`]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  process.stdout.write(`sleeping runs: ${stdout}`)
  const { heapMiB, back } = JSON.parse(stdout) as { readonly heapMiB: number; readonly back: readonly string[] }
  expect(back).toEqual(['run 1 went on', 'run 0 went on'])
  expect(heapMiB).toBeLessThan(Math.min(runs / 100_000 + residentMiB / 200, 1) * 200 * (1_000_000 / 1_048_576))
})
