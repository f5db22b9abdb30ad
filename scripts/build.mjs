// Builds dist/ from src/ with the plain compiler. Skipped when dist/ is newer than everything it is made of
// (folders included, so that a file that was removed counts); `--force` builds anyway.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const output = join(root, 'dist')
const inputs = ['src', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
const stamp = join(output, 'index.js')

if (process.argv.includes('--force') || !isUpToDate()) build()

function isUpToDate() {
  if (!existsSync(stamp)) return false
  const built = statSync(stamp).mtimeMs
  return inputs.every((input) => newest(join(root, input)) <= built)
}

function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

function build() {
  rmSync(output, { recursive: true, force: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status === 0) {
    copyOthers()
    return nameDeclarations()
  }
  // Half a build would look like a whole one to the next run.
  rmSync(output, { recursive: true, force: true })
  console.error('build: the compiler found errors')
  process.exit(1)
}

// What the program reads while it runs and the compiler knows nothing of.
function copyOthers() {
  for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.sql')) copyFileSync(join(root, 'src', name), join(output, name))
  }
}

// The compiler leaves './name.ts' in declarations, which older compilers and other tools don't find.
function nameDeclarations() {
  for (const name of readdirSync(output, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue
    const path = join(output, name)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replaceAll(/((?:from |import\()['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
  }
}
