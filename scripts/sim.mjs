// `npm run sim`: compiles the simulator and starts it. `npm run sim -- --help` tells what it takes.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const output = join(root, '.scratch/sim')
const compiler = join(root, 'node_modules/typescript/bin/tsc')
const options = ['-p', 'test/sim/tsconfig.json', '--outDir', output]
const { status } = spawnSync(process.execPath, [compiler, ...options], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
if (status !== 0) process.exit(2)

const program = join(output, 'test/sim/command-line.js')
const run = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exitCode = run.status ?? 1
