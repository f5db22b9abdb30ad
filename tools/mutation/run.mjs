// `npm run mutation`: changes files of the core in small ways (a comparison turned round, a condition made true, a line left
// out) and counts the changes that no unit test notices. What survives is a gap in the tests, or code that says nothing.
// `npm run mutation -- src/core/digest.ts` takes other files.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const files = ['recovery-table', 'header', 'record', 'event-start', 'removed-run', 'control-text']
const chosen = process.argv.slice(2)
const mutate = chosen.length > 0 ? chosen : files.map((name) => `src/core/${name}.ts`)

// What runs once, as a file is loaded, costs all tests for each change: worth it where it is the content of the file.
const isTable = (file) => file.endsWith('-table.ts')
const runs = [
  { some: mutate.filter(isTable), options: [] },
  { some: mutate.filter((file) => !isTable(file)), options: ['--ignoreStatic'] },
]

const stryker = fileURLToPath(new URL('node_modules/@stryker-mutator/core/bin/stryker.js', import.meta.url))
const cwd = fileURLToPath(new URL('../..', import.meta.url))
for (const { some, options } of runs) {
  if (some.length === 0) continue
  const args = ['run', 'tools/mutation/stryker.json', ...options, '--mutate', some.join(',')]
  const { status } = spawnSync(process.execPath, [stryker, ...args], { cwd, stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
