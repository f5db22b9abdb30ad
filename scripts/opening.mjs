// How long opening takes, and how much memory, for a small and a large journal of the same kind: each opened in fresh
// processes, in turns. The journals are made first, unless they are there.
//
//   npm run opening -- [--small 100000] [--large 10000000] [--streams 100000] [--opens 7] [--directory d] [--json] [--help]

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from '../dist/index.js'

const script = fileURLToPath(import.meta.url)
const callers = 1_024

if (process.argv[2] === '--open-once') await openOnce(process.argv[3])
else await main()

async function openOnce(directory) {
  const began = performance.now()
  const journal = await open(directory, { create: 'never' })
  const ms = performance.now() - began
  const megabytes = process.memoryUsage().rss / 1e6
  const { position } = await journal.head()
  process.stdout.write(JSON.stringify({ ms, megabytes, position }))
  await journal.close()
}

async function main() {
  const { values } = parseArgs({
    options: {
      small: { type: 'string', default: '100000' },
      large: { type: 'string', default: '10000000' },
      streams: { type: 'string', default: '100000' },
      opens: { type: 'string', default: '7' },
      directory: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(
      [
        'npm run opening -- [options]',
        '',
        '  --small n      events in the small journal (100000)',
        '  --large n      events in the large one (10000000: some minutes, 4 GB)',
        '  --streams n    how many streams the events are spread over (100000)',
        '  --opens n      how often each is opened (7)',
        '  --directory d  where the journals are made, and kept; a temporary one, removed, if not given',
        '  --json         one line of JSON',
        '  --help         this',
      ].join('\n'),
    )
    return
  }
  const root = values.directory ?? mkdtempSync(join(tmpdir(), 'holdfast-opening-'))
  mkdirSync(root, { recursive: true })
  try {
    const sizes = [Number(values.small), Number(values.large)]
    for (const size of sizes) await make(join(root, String(size)), size, Number(values.streams), values.json)
    const opened = sizes.map((size) => ({ events: size, ms: [], megabytes: [] }))
    for (let count = 0; count < Number(values.opens); count++) {
      for (const row of opened) {
        const told = execFileSync(process.execPath, [script, '--open-once', join(root, String(row.events))])
        const { ms, megabytes, position } = JSON.parse(told.toString())
        if (position !== row.events) throw new Error(`${row.events} events were appended, and ${position} are there`)
        row.ms.push(ms)
        row.megabytes.push(megabytes)
      }
    }
    report(opened.map(summary), values.json)
  } finally {
    if (values.directory === undefined) rmSync(root, { recursive: true, force: true })
  }
}

async function make(directory, events, streams, isQuiet) {
  if (existsSync(directory)) return
  const journal = await open(directory)
  const data = { text: 'x'.repeat(200), n: 1 }
  let next = 0
  const tell = setInterval(() => {
    if (!isQuiet) console.log(`making ${events} events: ${Math.floor((100 * next) / events)} %`)
  }, 10_000)
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < events) await journal.append(`stream/${next++ % streams}`, { type: 'noted', data })
    }),
  )
  clearInterval(tell)
  await journal.close()
}

function summary({ events, ms, megabytes }) {
  const sorted = ms.toSorted((a, b) => a - b)
  return {
    events,
    msMedian: sorted[Math.floor(sorted.length / 2)],
    msMin: sorted[0],
    msMax: sorted.at(-1),
    megabytesMax: Math.max(...megabytes),
  }
}

function report([small, large], isJson) {
  const ratio = large.msMedian / small.msMedian
  if (isJson) {
    console.log(JSON.stringify({ small, large, ratio }))
    return
  }
  for (const { events, msMedian, msMin, msMax, megabytesMax } of [small, large]) {
    const range = `${msMin.toFixed(1)} to ${msMax.toFixed(1)}`
    console.log(
      `${events} events: median ${msMedian.toFixed(1)} ms (${range}), ${megabytesMax.toFixed(1)} MB resident at most`,
    )
  }
  console.log(`ratio of the medians: ${ratio.toFixed(2)}`)
}
