// Where the engines of durable steps keep what they store, each measurement in a place of its own, which is removed behind
// it: beside a directory of the run, in a schema of the PostgreSQL server, or with a server of the engine. The packages of
// other engines are installed by the first work that measures them; where that can't be done, they are left out.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.mjs'
import { engines, peersFor } from './peers/engines.mjs'
import { schemas } from './places.mjs'

const folder = fileURLToPath(new URL('peers/engines/', import.meta.url))
const never = new Promise(() => {})

export class EnginePlaces {
  #scratch
  #postgres
  #ready
  #restate
  #isEnding = false

  constructor(scratch, postgres) {
    this.#scratch = scratch
    this.#postgres = postgres
  }

  /** The peers that can be measured, and what is to be said below the table. */
  ready({ scale, tell }) {
    this.#ready ??= this.#prepare(peersFor(scale), tell)
    return this.#ready
  }

  /** What `work` gives, which is told where. */
  async measure(name, directory, work) {
    const { needs } = engines[name]
    if (needs === 'PostgreSQL') await schemas.make(directory)
    const restate = needs === 'Restate' ? await this.#serviceFor(directory) : undefined
    try {
      return await work({ directory, restate })
    } finally {
      if (needs === 'PostgreSQL') await schemas.remove(directory)
      removeBeginningWith(directory)
    }
  }

  /** Its servers are gone when it resolves. */
  async end() {
    this.#isEnding = true
    const restate = await this.#restate?.catch(() => undefined)
    await restate?.end()
  }

  async #prepare(peers, tell) {
    const small = peers.filter((name) => !engines[name].isLarge)
    if (small.length === peers.length) {
      return { peers, notes: ['--quick measures the peer alone that is soon installed; without it there are others.'] }
    }
    tell('the packages of other engines')
    const problem = await installed()
    if (problem !== undefined) {
      return { peers: small, notes: [`The packages of other engines could not be installed: ${problem}`] }
    }
    const server = await this.#postgres.start(tell)
    tell('starting Restate')
    this.#restate = this.#startRestate()
    await this.#restate
    return { peers, notes: [server] }
  }

  async #startRestate() {
    const { startRestate } = await import('./peers/engines/restate-server.mjs')
    if (this.#isEnding) await never
    return startRestate(join(this.#scratch, 'restate'))
  }

  /** A service of its own on the one server, at an address that a second process can take after the first. */
  async #serviceFor(directory) {
    const { ingress, admin } = await this.#restate
    return { ingress, admin, port: await freePort(), service: basename(directory).replaceAll('-', '_') }
  }
}

/** What went wrong, if anything did. */
async function installed() {
  if ((await npm(['ls', '--silent'])).code === 0) return undefined
  const { code, errors } = await npm(['ci', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund'])
  return code === 0 ? undefined : errors.trim().split('\n')[0]
}

async function npm(parameters) {
  const stdio = ['ignore', 'ignore', 'pipe']
  const child = spawn('npm', parameters, {
    cwd: folder,
    env: cleanEnvironment(),
    stdio,
    shell: process.platform === 'win32',
  })
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  return { code, errors }
}

/** What an npm around us has set would apply to its own folder. */
function cleanEnvironment() {
  const isOfOther = (name) => /^npm_(package|lifecycle|config_local)/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOfOther(name)))
}

/** An engine keeps a directory, or files beside one another. */
function removeBeginningWith(path) {
  for (const name of readdirSync(dirname(path))) {
    const isOwn =
      name === basename(path) || [`${basename(path)}.`, `${basename(path)}-`].some((start) => name.startsWith(start))
    if (isOwn) rmSync(join(dirname(path), name), { recursive: true, force: true })
  }
}
