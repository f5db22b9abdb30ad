// Runs a script of a folder that has packages of its own, and installs those first where they are missing or others:
//   node scripts/run-apart.mjs <folder> [<argument of its run.mjs> …]
// Paths among the arguments are meant as seen from where `npm run` was called.

import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [folder = '', ...options] = process.argv.slice(2)
const cwd = join(fileURLToPath(new URL('..', import.meta.url)), folder)

if (npm(['ls', '--silent'], 'ignore') !== 0) {
  console.error(`${folder}: installing its packages; where one has to be compiled, that takes a minute or two`)
  const code = npm(['ci', '--loglevel=error', '--no-audit', '--no-fund'], 'inherit')
  if (code !== 0) {
    console.error(`${folder}: its packages could not be installed`)
    process.exit(code)
  }
}
const script = spawn(process.execPath, [join(cwd, 'run.mjs'), ...options], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: 'inherit',
})
// It ends when the script has: that may have something to clear away.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => script.kill(signal))
script.once('error', (error) => {
  console.error(`${folder}: ${error.message}`)
  process.exitCode = 1
})
script.once('exit', (code) => {
  process.exitCode = code ?? 1
})

function npm(parameters, stdio) {
  return spawnSync('npm', parameters, { cwd, stdio, shell: process.platform === 'win32' }).status ?? 1
}
