// A process whose run waits for signals: node signalled-run.mjs <target>. Prints `open`, and `got <n>` as soon as the run goes on.

import { open } from '../../dist/index.js'

const journal = await open(process.argv[2])
const running = journal.run('r', async (run) => {
  for (;;) {
    const n = await run.wait('next')
    console.log(`got ${n}`)
  }
})
console.log('open')
await running
