// How much memory runs take that sleep or wait: node --expose-gc sleeping-runs.mjs <directory> <runs>. Half of them sleep, half
// wait for a signal; all were started with journal.run() at once, and their promises are kept. Then one of each kind is brought
// back.
// Prints one line of JSON; the figures are above what the process had with the open, empty journal.

import { setTimeout as pause } from 'node:timers/promises'
import { open } from '../../dist/index.js'

const [directory, count] = [process.argv[2], Number(process.argv[3])]
const journal = await open(directory)
const body = async (run, input) => {
  await run.step('before', () => input)
  if (input % 2 === 0) await run.sleep(input === 0 ? '1s' : '30d')
  else await run.wait('approval')
  return run.step('after', () => `run ${input} went on`)
}

async function used() {
  for (let round = 0; round < 5; round++) {
    globalThis.gc()
    await pause(20)
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed / 1_048_576, rss: rss / 1_048_576 }
}

/** Until this run rests. */
async function rests(id) {
  for (;;) {
    const [entry] = await journal.agenda.list({ prefix: `run/-/${id}`, limit: 1 })
    if (entry !== undefined && entry.data.state !== 'running') return
    await pause(50)
  }
}

const empty = await used()
const began = performance.now()
const results = []
for (let n = 0; n < count; n++) results.push(journal.run(`r${n}`, body, { input: n }))
await rests(`r${count - 1}`)
const seconds = (performance.now() - began) / 1_000
// What was still on its way out of memory is out.
await pause(500)
const full = await used()
const woken = performance.now()
await journal.signal('r1', 'approval')
const back = [await results[1], await results[0]]
const wakeMs = performance.now() - woken
const figures = { runs: count, seconds, heapMiB: full.heap - empty.heap, rssMiB: full.rss - empty.rss, wakeMs, back }
console.log(JSON.stringify(figures))
process.exit(0)
