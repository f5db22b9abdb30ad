// Restate: its server beside (restate-server.mjs), and its SDK here, which serves the run to it over HTTP/2. A step is sent to
// the server, stored there, and acknowledged. The connection of a run stays open all the time, which is its fastest form:
// nothing is replayed while a run goes on.
//
// A run of a killed process goes on when the server calls again, which it does at once and then more and more rarely; the
// new process has the same address. The SDK asks for Node 22; the release named in package.json was seen to work on Node 20.

import { once } from 'node:events'
import * as http2 from 'node:http2'

/** The SDK uses it, and Node 20 doesn't have it. */
Promise.withResolvers ??= () => {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}

export const engine = {
  async start(directory, { step, restate }) {
    const { createEndpointHandler, service } = await import('@restatedev/restate-sdk')
    const steps = service({
      name: restate.service,
      handlers: {
        run: async (context, count) => {
          let sum = 0
          for (let at = 1; at <= count; at++) sum += await context.run(`step-${at}`, () => step(at))
          return sum
        },
      },
    })
    const server = http2.createServer(createEndpointHandler({ services: [steps], logger: () => {} }))
    await once(server.listen(restate.port, '127.0.0.1'), 'listening')
    return new RestateRuns(server, { ...restate, directory })
  },
}

class RestateRuns {
  #server
  #sessions = new Set()
  #restate
  #registered

  constructor(server, restate) {
    this.#server = server
    this.#restate = restate
    server.on('session', (session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
  }

  async run(id, steps) {
    const { admin, port } = this.#restate
    this.#registered ??= post(`${admin}/deployments`, { uri: `http://127.0.0.1:${port}`, force: true })
    await this.#registered
    return this.resume(id, steps)
  }

  /** A call with the same key waits for the run that is there. */
  async resume(id, steps) {
    const { ingress, service: name } = this.#restate
    return Number(await post(`${ingress}/${name}/run`, steps, { 'idempotency-key': id }))
  }

  async close() {
    for (const session of this.#sessions) session.destroy()
    this.#server.close()
  }
}

async function post(url, body, headers = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`)
  return text
}
