// A process that is a worker: node run-worker.mjs <target> <lease ttl> <steps per run> [stays]. A line for each thing that happens:
// `open`, `step <run> <step>` when a step's function is called, `error <code>` when a run could not go on here.
// Each run takes its steps one after another, and then sleeps for a moment; with `stays`, it never gets out of the first.

import { open } from '../../dist/index.js'

const [target, leaseTtl, steps, stays] = process.argv.slice(2)
const journal = await open(target, { runs: { leaseTtl } })
journal.define('job', async (run, input) => {
  for (let step = 1; step <= Number(steps); step++) {
    await run.step(`s${step}`, async () => {
      console.log(`step ${run.id} ${step}`)
      if (stays !== undefined) await new Promise(() => undefined)
      if (input?.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, input.pauseMs))
      return step
    })
  }
  await run.sleep(5)
  return run.step('last', () => `${run.id} is done`)
})
journal.worker({ concurrency: 16, onError: (error) => console.log(`error ${error.code}`) })
console.log('open')
process.on('SIGTERM', () => journal.close().then(() => console.log('closed')))
