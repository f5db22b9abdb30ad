// Somebody else's agent loop (foreign/plain-loop.mjs), made durable with three lines: the run around it, and a step or a
// tool around each of the two functions through which it meets the world. The loop itself is as it was.
//
//   node examples/foreign-loop.mjs ./letters        kill it whenever you like, and start it again

import { open } from 'holdfast'
import { ask, call, plainLoop } from './foreign/plain-loop.mjs'

const journal = await open(process.argv[2] ?? 'letters')

const answer = await journal.run('count', (run) =>
  plainLoop('what was asked for is not asked for again', {
    ask: (messages) => run.step('ask', () => ask(messages)),
    call: (name, args) => run.tool(name, { effect: 'idempotent', input: args }, () => call(name, args)),
  }),
)

console.log(answer)
await journal.close()
