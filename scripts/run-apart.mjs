// Runs a script of a folder that has packages of its own, and installs those first where they are missing or others:
//   node scripts/run-apart.mjs <folder> [<argument of its run.mjs> …]

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [folder = '', ...options] = process.argv.slice(2)
const cwd = join(fileURLToPath(new URL('..', import.meta.url)), folder)

if (run('npm', ['ls', '--silent'], 'ignore') !== 0) {
  console.error(`${folder}: installing its packages; where one has to be compiled, that takes a minute or two`)
  const code = run('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], 'inherit')
  if (code !== 0) {
    console.error(`${folder}: its packages could not be installed`)
    process.exit(code)
  }
}
process.exitCode = run(process.execPath, ['run.mjs', ...options], 'inherit')

function run(command, parameters, stdio) {
  const isNpm = command === 'npm' && process.platform === 'win32'
  return spawnSync(command, parameters, { cwd, stdio, shell: isNpm }).status ?? 1
}
