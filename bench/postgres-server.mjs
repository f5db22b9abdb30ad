// The PostgreSQL server that works are measured on: the programs of tools/postgres, installed there when they are missing,
// with a data directory of its own in the run's scratch directory, so that it is on the disk that the first line tells of.
//
// Its settings are those that initdb chose but for where it listens, and one that keeps shared memory in the data
// directory, for parallel queries, of which there are none here. What decides about durability is read back and
// checked, not believed. It is begun by the first work that needs it. When this process is gone, however it went, the
// supervisor beside the server stops it and removes its data.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.mjs'
import { mustEqual } from './measure.mjs'

const supervisor = fileURLToPath(new URL('../tools/postgres/supervisor.mjs', import.meta.url))
/** Where peers find the server, in the processes that a work begins as well. */
const variable = 'HOLDFAST_BENCH_POSTGRES'
const shown = [
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_sync_method',
  'shared_buffers',
  'max_connections',
]
const durable = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }
const never = new Promise(() => {})

export class PostgresServer {
  #scratch
  #started
  #process
  #isEnding = false

  constructor(scratch) {
    this.#scratch = scratch
  }

  /** What it is, for the note below a table. */
  async start(tell) {
    if (this.#isEnding) await never
    this.#started ??= this.#start(tell)
    return this.#started
  }

  log() {
    return this.#ask('log', {})
  }

  /** Its processes and its data are gone when it resolves. */
  async end() {
    this.#isEnding = true
    if (this.#process === undefined || this.#process.exitCode !== null) return
    const ended = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.disconnect()
    await ended
  }

  async #start(tell) {
    tell('starting PostgreSQL')
    // Run by root, the server has an account of its own, which has to reach its directory.
    if (process.getuid?.() === 0) chmodSync(this.#scratch, 0o711)
    this.#process = fork(supervisor, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
      env: { ...process.env, TMPDIR: this.#scratch },
    })
    await this.#ask('create', {})
    const port = await freePort()
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      dynamic_shared_memory_type: 'mmap',
      port,
    }
    await this.#ask('start', {
      options: Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    })
    process.env[variable] = `postgres://holdfast@127.0.0.1:${port}/postgres`
    return describe()
  }

  async #ask(what, parameters) {
    this.#process.send({ id: 1, what, ...parameters })
    const answer = await Promise.race([
      once(this.#process, 'message').then(([message]) => message),
      once(this.#process, 'exit').then(() => ({ error: 'the process beside it has ended' })),
    ])
    if (this.#isEnding) await never
    if (answer.error !== undefined) throw new Error(`the PostgreSQL server: ${answer.error}`)
    return answer.value
  }
}

/** Of the server that was started. */
export function postgresUrl() {
  const url = process.env[variable]
  if (url === undefined) throw new Error('no PostgreSQL server was started')
  return url
}

/** With a connection of its own. */
export async function onServer(work) {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: postgresUrl() })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function describe() {
  return onServer(async (client) => {
    const { rows } = await client.query('SELECT name, setting, current_setting(name) AS text FROM pg_settings')
    const settings = new Map(rows.map(({ name, text }) => [name, text]))
    for (const [name, value] of Object.entries(durable)) mustEqual(settings.get(name), value, `PostgreSQL: ${name}`)
    const values = shown.map((name) => `${name} ${settings.get(name)}`)
    return `PostgreSQL ${settings.get('server_version')}, pg ${versionOf('pg')}: ${values.join(', ')}; all else as initdb sets it.`
  })
}

export function versionOf(name) {
  return createRequire(import.meta.url)(`${name}/package.json`).version
}
