// Stands between a test and its PostgreSQL server: starts it, stops it, and when the test's process is gone, however it
// went, stops it and removes its data. Commands come from the parent, one answer each; see test/postgres/server.ts.
//
// Nothing is left behind: no process, no data directory, no shared memory (a server that was killed leaves a segment,
// whose number stands in its postmaster.pid).

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, lchownSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { postgresPrograms } from './programs.mjs'

const programs = await postgresPrograms()
/** PostgreSQL refuses to run as root. */
const account = process.getuid?.() === 0 ? nobody() : {}
const linesKept = 200
const patienceMs = 20_000

let directory
let server
let lines = []

const commands = {
  /** Makes a data directory of its own, from the template. */
  async create() {
    const template = await templateDirectory()
    directory = ownDirectory('holdfast-postgres-')
    await cp(template, data(), { recursive: true })
    give(directory)
    return directory
  },
  async start({ options }) {
    // What a killed server leaves may take a moment to end; until then its memory is in use.
    for (const deadline = Date.now() + patienceMs; ; await pause(50)) {
      try {
        return await begin(options)
      } catch (error) {
        if (!error.message.includes('shared memory block') || Date.now() > deadline) throw error
      }
    }
  },
  /** SIGINT ends at once and properly, SIGKILL as a crash would. */
  async stop({ signal }) {
    if (server === undefined) return 'not running'
    const stopping = server
    stopping.kill(signal)
    const later = setTimeout(() => stopping.kill('SIGKILL'), patienceMs)
    const how = await stopping.ended
    clearTimeout(later)
    server = undefined
    return how
  },
  async log() {
    return lines.join('\n')
  },
}

process.on('message', async ({ id, what, ...parameters }) => {
  try {
    process.send?.({ id, value: await commands[what](parameters) })
  } catch (error) {
    process.send?.({ id, error: String(error.message ?? error) })
  }
})
// Keys pressed in a terminal reach all of its processes; what counts is when the parent goes.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.on('disconnect', async () => {
  await commands.stop({ signal: 'SIGINT' })
  if (directory !== undefined) {
    removeSharedMemory()
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  process.exit(0)
})

async function begin(options) {
  lines = []
  server = spawn(programs.postgres, ['-D', data(), ...options], { ...account, stdio: ['ignore', 'ignore', 'pipe'] })
  const started = server
  started.ended = new Promise((resolve) => started.on('exit', (code, signal) => resolve(signal ?? code)))
  await new Promise((resolve, reject) => {
    started.stderr.setEncoding('utf8').on('data', (text) => {
      lines.push(...text.split('\n').filter((line) => line !== ''))
      lines = lines.slice(-linesKept)
      if (text.includes('ready to accept')) resolve()
    })
    started.ended.then(() => reject(new Error(`PostgreSQL did not start: ${lines.join('\n')}`)))
    started.on('error', reject)
  })
  return started.pid
}

function data() {
  return join(directory, 'data')
}

function removeSharedMemory() {
  const file = join(data(), 'postmaster.pid')
  if (!existsSync(file)) return
  const id = readFileSync(file, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1]
  if (id !== undefined) spawnSync('ipcrm', ['-m', id])
}

/** Made once for an installation: initdb takes longer than all else. */
async function templateDirectory() {
  const template = join(dirname(fileURLToPath(import.meta.url)), 'node_modules', `.template-${programs.version}`)
  if (existsSync(template)) return template
  const made = ownDirectory('holdfast-initdb-')
  give(made)
  const options = ['-D', join(made, 'data'), '-U', 'holdfast', '--auth=trust', '-E', 'UTF8', '--locale=C']
  const { status, stderr } = spawnSync(programs.initdb, [...options, '--no-sync', '--no-instructions'], {
    ...account,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`)
  const beside = `${template}-${process.pid}`
  await cp(join(made, 'data'), beside, { recursive: true })
  rmSync(made, { recursive: true })
  try {
    renameSync(beside, template)
  } catch (error) {
    // Another process was first.
    rmSync(beside, { recursive: true, force: true })
    if (!existsSync(template)) throw error
  }
  return template
}

function ownDirectory(prefix) {
  return mkdtempSync(join(tmpdir(), prefix))
}

/** To the account that the server runs under. */
function give(path) {
  if (account.uid === undefined) return
  lchownSync(path, account.uid, account.gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name)
    if (entry.isDirectory()) give(inside)
    else lchownSync(inside, account.uid, account.gid)
  }
}

function nobody() {
  const id = (option) => Number(spawnSync('id', [option, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}
