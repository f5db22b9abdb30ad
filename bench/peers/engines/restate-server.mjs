// Restate's server, as its npm package has it: a process beside the benchmark, on ports of its own of this machine alone, with
// its data in a directory that is on the disk which is measured. Its settings are those that it has by default but for
// those places, and that it tells nobody of its use. By default it syncs what it stores.
//
// Between the benchmark and the server stands this file as a program: when its parent is gone, however that went, it ends the
// server. Started with the path of the program, the directory and the two ports.

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../free-port.mjs'

const program = fileURLToPath(import.meta.url)
const startsWithinMs = 60_000
const linesKept = 20

/** { ingress, admin, end() }: two addresses, and `end`, which resolves when it is gone. */
export async function startRestate(directory) {
  const ports = [await freePort(), await freePort(), await freePort()]
  const beside = fork(program, [directory, ...ports.map(String)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [ingress, admin] = ports.map((port) => `http://127.0.0.1:${port}`)
  const end = async () => {
    if (beside.exitCode !== null || beside.signalCode !== null) return
    const ended = once(beside, 'exit')
    if (beside.connected) beside.disconnect()
    await ended
  }
  const deadline = Date.now() + startsWithinMs
  while (!((await isReady(`${ingress}/restate/health`)) && (await isReady(`${admin}/health`)))) {
    if (beside.exitCode !== null) throw new Error('the Restate server has ended')
    if (Date.now() > deadline) {
      await end()
      throw new Error(`the Restate server was not ready within ${startsWithinMs} ms`)
    }
    await pause(100)
  }
  return { ingress, admin, end }
}

async function isReady(url) {
  try {
    return (await fetch(url)).ok
  } catch {
    return false // nobody listens yet
  }
}

if (process.argv[1] === program) {
  const [directory, ingress, admin, node] = process.argv.slice(2)
  // The package begins the server through a script of its own, whose child would be left behind by a kill.
  const { resolve } = createRequire(createRequire(program).resolve('@restatedev/restate-server/package.json'))
  const own = `@restatedev/restate-server-${process.platform}-${process.arch}`
  const server = spawn(resolve(`${own}/bin/restate-server`), ['--base-dir', directory, '--no-logo'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_IP: '127.0.0.1',
      RESTATE_BIND_PORT: node,
      RESTATE_ADVERTISED_HOST: '127.0.0.1',
      RESTATE_INGRESS__BIND_PORT: ingress,
      RESTATE_ADMIN__BIND_PORT: admin,
      RESTATE_DISABLE_TELEMETRY: 'true',
      DO_NOT_TRACK: '1',
      RESTATE_LOG_FILTER: 'error',
    },
  })
  const lines = []
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      lines.push(text)
      lines.splice(0, lines.length - linesKept)
    })
  }
  let isEnding = false
  server.once('error', (error) => console.error(error.message))
  server.once('exit', () => {
    if (!isEnding) console.error(`the Restate server has ended: ${lines.join('')}`)
    process.exit(isEnding ? 0 : 1)
  })
  // Keys pressed in a terminal reach all of its processes; what counts is when the parent goes.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
  process.on('disconnect', () => {
    isEnding = true
    server.kill('SIGKILL')
  })
}
