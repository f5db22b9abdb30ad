// DBOS on PostgreSQL: the library in this process, its tables in a schema of their own. A workflow is started directly and
// not through a queue, which would write more; a step is one commit. The pool has as many connections as by default, 10.
//
// A run of a killed process goes on by itself when a process of the same name and version begins: both are said here, or
// the version would be a sum over the code. Logs are off but for errors.

import { schemaNamed } from '../../places.mjs'
import { postgresUrl } from '../../postgres-server.mjs'

export const engine = {
  async start(directory, { step }) {
    const { DBOS } = await import('@dbos-inc/dbos-sdk')
    DBOS.setConfig({
      name: 'steps',
      systemDatabaseUrl: postgresUrl(),
      systemDatabaseSchemaName: schemaNamed(directory),
      applicationVersion: '1',
      executorID: 'bench',
      logLevel: 'error',
    })
    const workflow = DBOS.registerWorkflow(
      async (steps) => {
        let sum = 0
        for (let at = 1; at <= steps; at++) sum += await DBOS.runStep(async () => step(at), { name: `step-${at}` })
        return sum
      },
      { name: 'steps' },
    )
    await DBOS.launch()
    return new DbosRuns(DBOS, workflow)
  },
}

class DbosRuns {
  #dbos
  #workflow

  constructor(dbos, workflow) {
    this.#dbos = dbos
    this.#workflow = workflow
  }

  async run(id, steps) {
    const handle = await this.#dbos.startWorkflow(this.#workflow, { workflowID: id })(steps)
    return handle.getResult()
  }

  /** It goes on already. */
  resume(id) {
    return this.#dbos.retrieveWorkflow(id).getResult()
  }

  close() {
    return this.#dbos.shutdown()
  }
}
