// openworkflow on a file of SQLite: its own backend, client and worker, in one process. The worker has as many places as there
// are runs at once. Two commits a step, each synced: one when it begins and one when it ends.
//
// What was looked at: there is no setting for the lease of a run, thirty seconds, which is what a run of a killed process
// waits for; and none for the polling of a worker, which doesn't count here, since a run is measured from its first step to
// its last. A run has at most 1,000 steps. It takes Node's own SQLite, which Node 20 doesn't have: there the package
// @photostructure/sqlite stands in, which Holdfast's own tests use, with the same calls around the same SQLite.

import Module from 'node:module'
import { mustEqual } from '../measure.mjs'

/** As SQLite names them in its answer. */
const synchronousFull = 2

export const engine = {
  async start(directory, { step, concurrency = 1 }) {
    if (!Module.isBuiltin('node:sqlite')) await standIn()
    const [{ OpenWorkflow }, { BackendSqlite }] = await Promise.all([
      import('openworkflow'),
      import('openworkflow/sqlite'),
    ])
    const backend = BackendSqlite.connect(`${directory}.sqlite`)
    backend.db.exec('PRAGMA synchronous = FULL')
    mustEqual(backend.db.prepare('PRAGMA journal_mode').get().journal_mode, 'wal', 'openworkflow: journal_mode')
    mustEqual(backend.db.prepare('PRAGMA synchronous').get().synchronous, synchronousFull, 'openworkflow: synchronous')
    return new OpenWorkflowRuns(backend, new OpenWorkflow({ backend }), { step, concurrency })
  },
}

/** `require('node:sqlite')`, which is how openworkflow asks for it, gives the package. */
async function standIn() {
  const sqlite = await import('@photostructure/sqlite')
  const load = Module._load
  Module._load = (name, ...more) => (name === 'node:sqlite' ? sqlite : load(name, ...more))
}

class OpenWorkflowRuns {
  #backend
  #workflow
  #worker

  constructor(backend, client, { step, concurrency }) {
    this.#backend = backend
    this.#workflow = client.defineWorkflow({ name: 'steps' }, async ({ input: steps, step: durable }) => {
      let sum = 0
      for (let at = 1; at <= steps; at++) sum += await durable.run({ name: `step-${at}` }, () => step(at))
      return sum
    })
    this.#worker = client.newWorker({ concurrency })
  }

  async run(id, steps) {
    const handle = await this.#workflow.run(steps, { idempotencyKey: id })
    await this.#worker.start()
    return handle.result()
  }

  /** The same id is the same run. */
  resume(id, steps) {
    return this.run(id, steps)
  }

  async close() {
    await this.#worker.stop()
    await this.#backend.stop()
  }
}
