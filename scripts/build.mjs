// Builds build/ from src/ with the plain compiler, module by module, and dist/ from that: the same code in few files, with
// the declarations beside. dist/ is what is published; build/ is for tests that need the inside of a store in a process of
// their own. Skipped when both are newer than everything they are made of (folders included, so that a file that was
// removed counts); `--force` builds anyway.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { joinModules } from './join-modules.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'build')
const output = join(root, 'dist')
const inputs = [
  'src',
  'scripts/build.mjs',
  'scripts/join-modules.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
]
const stamps = [join(modules, 'index.js'), join(output, 'index.js')]

if (process.argv.includes('--force') || !isUpToDate()) await build()

function isUpToDate() {
  if (!stamps.every((stamp) => existsSync(stamp))) return false
  const built = Math.min(...stamps.map((stamp) => statSync(stamp).mtimeMs))
  return inputs.every((input) => newest(join(root, input)) <= built)
}

function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

async function build() {
  removeAll()
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) fail('the compiler found errors')
  try {
    await joinModules(modules, output)
  } catch (error) {
    fail(error.message)
  }
  copyOthers()
  moveDeclarations()
}

function fail(why) {
  // Half a build would look like a whole one to the next run.
  removeAll()
  console.error(`build: ${why}`)
  process.exit(1)
}

function removeAll() {
  for (const folder of [modules, output]) rmSync(folder, { recursive: true, force: true })
}

// What the program reads while it runs and the compiler knows nothing of.
function copyOthers() {
  for (const name of namesIn(join(root, 'src'), '.sql')) {
    for (const folder of [modules, output]) {
      makeFolderOf(join(folder, name))
      copyFileSync(join(root, 'src', name), join(folder, name))
    }
  }
}

// The compiler leaves './name.ts' in declarations, which older compilers and other tools don't find.
function moveDeclarations() {
  for (const name of namesIn(modules, '.d.ts')) {
    const text = readFileSync(join(modules, name), 'utf8')
    const path = join(output, 'types', name)
    makeFolderOf(path)
    writeFileSync(path, text.replaceAll(/((?:from |import\()['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
    rmSync(join(modules, name))
  }
}

function namesIn(folder, end) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(end))
}

function makeFolderOf(path) {
  mkdirSync(dirname(path), { recursive: true })
}
