// The Workflow SDK with its local world, which keeps files of JSON in a directory: its form without a service of others. The
// package `workflow` compiles a function with directives into two, one that runs in a sandbox and one for each step. What
// it would make is written here by hand, which spares a bundler; requests go straight to the handlers, without HTTP, which
// is the fastest form of the local world.
//
// The local world syncs nothing: a power cut may take what it said was stored. The time of a step grows with the steps
// before it, so a run has fewer here than those of others.

import { createLocalWorld } from '@workflow/world-local'

const workflowId = 'workflow//./steps//steps'
const stepId = 'step//./steps//one'
const code = `
  const one = globalThis[Symbol.for('WORKFLOW_USE_STEP')]('${stepId}')
  async function steps(count) {
    let sum = 0
    for (let at = 1; at <= count; at++) sum += await one(at)
    return sum
  }
  steps.workflowId = '${workflowId}'
  ;(globalThis.__private_workflows ??= new Map()).set('${workflowId}', steps)
`

export const engine = {
  async start(directory, { step }) {
    const [runtime, { registerStepFunction }] = await Promise.all([
      import('@workflow/core/runtime'),
      import('@workflow/core/private'),
    ])
    const world = createLocalWorld({ dataDir: directory })
    runtime.setWorld(world)
    registerStepFunction(stepId, async (at) => step(at))
    world.registerHandler('__wkf_workflow_', runtime.workflowEntrypoint(code))
    world.registerHandler('__wkf_step_', runtime.stepEntrypoint)
    await world.start()
    return new WorkflowSdkRuns(runtime, world)
  },
}

class WorkflowSdkRuns {
  #runtime
  #world

  constructor(runtime, world) {
    this.#runtime = runtime
    this.#world = world
  }

  async run(_id, steps) {
    const run = await this.#runtime.start({ workflowId }, [steps])
    return run.returnValue
  }

  /** It was asked for again when the world began. There is one. */
  async resume() {
    const { data } = await this.#world.runs.list({})
    return this.#runtime.getRun(data[0].runId).returnValue
  }

  close() {
    return this.#world.close()
  }
}
