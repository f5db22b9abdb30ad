// A PostgreSQL server of a test's own, on a free port of this machine, with its data in a temporary folder. Its processes
// and its data go when it is disposed of, and also when the test's process is killed (tools/postgres/supervisor.mjs).
//
//   const server = await PostgresServer.start()      beforeAll
//   server.url()                                     postgres://holdfast@127.0.0.1:40123/postgres
//   await server.dispose()                           afterAll

import { type ChildProcess, fork } from 'node:child_process'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

const supervisor = fileURLToPath(new URL('../../tools/postgres/supervisor.mjs', import.meta.url))
/** The first test of a fresh checkout installs the server; hooks that start one may take so long. */
export const startTimeoutMs = 300_000

const common = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // In the data directory, so that it goes with it.
  dynamic_shared_memory_type: 'mmap',
  shared_buffers: '64MB',
  max_connections: '200',
}

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

export type Settings = Readonly<Record<string, string>>

export class PostgresServer {
  readonly #process: ChildProcess
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map()
  #calls = 0
  #settings: Settings
  #databases = 0
  #pid = 0
  #directory = ''
  /** Not before start() has resolved. */
  port = 0

  private constructor(settings: Settings) {
    this.#settings = settings
    this.#process = fork(supervisor, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
    this.#process.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer))
    this.#process.on('exit', () => {
      for (const [id, settle] of this.#waiting) settle({ id, error: 'the supervisor of the server has ended' })
    })
  }

  static async start(settings: Settings = {}): Promise<PostgresServer> {
    const server = await PostgresServer.prepare(settings)
    await server.run()
    return server
  }

  /** A standby that streams from `primary`, under this name. */
  static async standby(primary: PostgresServer, name: string): Promise<PostgresServer> {
    // Both begin as copies of one template, so they are one cluster: the standby asks for all that came since.
    const server = await PostgresServer.prepare({
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=holdfast application_name=${name}`,
    })
    await writeFile(join(server.#directory, 'data', 'standby.signal'), '')
    await server.run()
    return server
  }

  static async prepare(settings: Settings): Promise<PostgresServer> {
    const server = new PostgresServer(settings)
    server.#directory = (await server.#call('create')) as string
    const rules = 'host replication all 127.0.0.1/32 trust\n'
    await appendFile(join(server.#directory, 'data', 'pg_hba.conf'), rules)
    return server
  }

  /** Starts it, with these settings beside those that it has; on the port that it had, or a free one. */
  async run(settings: Settings = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...settings }
    if (this.port !== 0) return this.#run(this.port)
    // Somebody else may take a port between its choice and its use.
    for (let attempt = 1; ; attempt++) {
      const port = await freePort()
      try {
        await this.#run(port)
        this.port = port
        return
      } catch (error) {
        if (attempt === 5 || !String(error).includes('could not bind')) throw error
      }
    }
  }

  async #run(port: number): Promise<void> {
    const all = { ...common, ...this.#settings, port: String(port) }
    const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    this.#pid = (await this.#call('start', { options })) as number
  }

  get pid(): number {
    return this.#pid
  }

  url(database = 'postgres'): string {
    return `postgres://holdfast@127.0.0.1:${this.port}/${database}`
  }

  /** An empty database; its URL. */
  async database(): Promise<string> {
    const name = `test_${++this.#databases}`
    await this.query(`create database ${name}`)
    return this.url(name)
  }

  /** One statement on a connection of its own. */
  async query<R extends pg.QueryResultRow>(text: string, values: unknown[] = [], database = 'postgres'): Promise<R[]> {
    const client = new pg.Client({ connectionString: this.url(database) })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<R>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  /** From here on this role must give its password. */
  async guard(role: string): Promise<void> {
    const file = join(this.#directory, 'data', 'pg_hba.conf')
    const rules = await readFile(file, 'utf8')
    await writeFile(file, `host all ${role} 127.0.0.1/32 scram-sha-256\n${rules}`)
    await this.query('select pg_reload_conf()')
  }

  /** As a power cut of its machine would look to its clients. */
  async kill(): Promise<void> {
    await this.#call('stop', { signal: 'SIGKILL' })
  }

  async stop(): Promise<void> {
    await this.#call('stop', { signal: 'SIGINT' })
  }

  log(): Promise<string> {
    return this.#call('log') as Promise<string>
  }

  async dispose(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    if (this.#process.exitCode !== null) return
    this.#process.disconnect()
    await ended
  }

  #call(what: string, parameters: object = {}): Promise<unknown> {
    const id = ++this.#calls
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        this.#waiting.delete(id)
        if (error === undefined) resolve(value)
        else reject(new Error(error))
      })
      this.#process.send({ id, what, ...parameters }, (failed) => {
        if (failed !== null) reject(failed)
      })
    })
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}
