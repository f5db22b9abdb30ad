// Runs that sleep or wait take little memory, in a process that has started them all at once: what is left of them on the heap
// after a collection, which doesn't depend on the machine. SLEEPING_RUNS sets how many there are.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const runs = Number(process.env.SLEEPING_RUNS ?? 10_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
const script = fileURLToPath(new URL('sleeping-runs.mjs', import.meta.url))
/** What the few take that stay in memory, and what the store keeps of the newest at hand, which is bounded. */
const atHandMiB = 12
const bytesPerRun = 700
const heapMiBMax = atHandMiB + (runs * bytesPerRun) / 1_048_576

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
  expect(heapMiB).toBeLessThan(heapMiBMax)
})
