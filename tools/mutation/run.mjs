// `npm run mutation`: changes files of the core in small ways (a comparison turned round, a condition made true, a line left
// out) and counts the changes that no unit test notices. What survives is a gap in the tests, or code that says nothing.
// `npm run mutation -- src/core/digest.ts` takes other files; with one process at a time each takes one to five minutes.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const files = ['recovery-table', 'header', 'record', 'event-start', 'removed-run', 'control-text']
const chosen = process.argv.slice(2)
const mutate = chosen.length > 0 ? chosen : files.map((name) => `src/core/${name}.ts`)

const stryker = fileURLToPath(new URL('node_modules/@stryker-mutator/core/bin/stryker.js', import.meta.url))
const run = spawnSync(process.execPath, [stryker, 'run', 'tools/mutation/stryker.json', '--mutate', mutate.join(',')], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  stdio: 'inherit',
})
process.exitCode = run.status ?? 1
