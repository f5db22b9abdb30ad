// Plants each bug in a copy of the source and runs the tests that must find it.

import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type PlantedBug, plantedBugs } from './bugs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** What the tests need beside the source. */
const copied = [
  'src',
  'test/copy',
  'test/crash',
  'test/faults',
  'test/flip',
  'test/proof',
  'test/sim',
  'test/transfer',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]

/** Runs `use` in a copy of the project; the packages are shared. */
async function inCopy<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const scratch = join(root, '.scratch')
  await mkdir(scratch, { recursive: true })
  const directory = await mkdtemp(join(scratch, 'planted-'))
  try {
    for (const name of copied) await cp(join(root, name), join(directory, name), { recursive: true })
    await symlink(join(root, 'node_modules'), join(directory, 'node_modules'))
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function plant(directory: string, { file, from, to }: PlantedBug): Promise<void> {
  const path = join(directory, file)
  const source = await readFile(path, 'utf8')
  expect(source.split(from).length, `${file} has the planted place exactly once`).toBe(2)
  await writeFile(
    path,
    source.replace(from, () => to),
  )
}

/** The figures that the test run ends with. */
async function run(
  directory: string,
  { tests, scenario }: PlantedBug,
): Promise<{ readonly failed: number; readonly output: string }> {
  const env = { ...process.env, RUNS_MULTIPLIER: '0.5', FLIP_EVERY: '61', NO_COLOR: '1', FORCE_COLOR: '0' }
  for (const name of ['VITEST', 'VITEST_MODE', 'VITEST_POOL_ID', 'VITEST_WORKER_ID', 'INDEX', 'SEED'])
    delete (env as NodeJS.ProcessEnv)[name]
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', ...tests]
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: scenario === undefined ? env : { ...env, SCENARIO: scenario },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await new Promise((resolve) => child.on('close', resolve))
  return { failed: Number(/Tests +(\d+) failed/.exec(output)?.[1] ?? 0), output }
}

describe('a planted bug', { timeout: 600_000 }, () => {
  it.concurrent.each(plantedBugs)('is found: $name', async (bug) => {
    const began = performance.now()
    const { failed, output } = await inCopy(async (directory) => {
      await plant(directory, bug)
      return run(directory, bug)
    })
    expect(failed, output.slice(-2_000)).toBeGreaterThan(0)
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    const by = bug.scenario === undefined ? bug.tests : [...bug.tests, `(${bug.scenario})`]
    process.stdout.write(`planted: found after ${seconds} s by ${by.join(' ')}: ${bug.name}\n`)
  })
})
