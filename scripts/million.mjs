// The acceptance test: a child appends a million events of 256 bytes from 256 concurrent callers and is killed (SIGKILL) at
// a random time; the journal is opened again and every event that was acknowledged must be there, at its place. Ten times.
//
//   npm run million -- [--rounds 10] [--events 1000000] [--callers 256] [--seed n] [--json] [--help]
//
// Exits with 1 when anything acknowledged is lost.

import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from '../dist/index.js'

const payloadBytes = 256
const streams = 64
const script = fileURLToPath(import.meta.url)

if (process.send === undefined) await main()
else await appendUntilKilled()

// The child: event n goes to stream n mod 64 and carries n; its acknowledgement goes to the parent at once.

async function appendUntilKilled() {
  const [directory, events, callers] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
  const journal = await open(directory)
  let next = 0
  let told = []
  const flush = () => {
    process.send(told)
    told = []
  }
  async function appendOn() {
    while (next < events) {
      const n = next++
      const receipt = await journal.append(`stream/${n % streams}`, { type: 'noted', data: dataOf(n) })
      if (told.length === 0) setImmediate(flush)
      told.push(n, receipt.position)
    }
  }
  process.send('open')
  await Promise.all(Array.from({ length: callers }, appendOn))
  if (told.length > 0) flush()
  process.send('done')
  // Stays, so that the kill also meets a journal at rest.
  setInterval(() => undefined, 1_000)
}

/** 256 bytes as JSON. */
function dataOf(n) {
  const head = `{"n":${n},"text":"`
  return { n, text: 'x'.repeat(Math.max(0, payloadBytes - head.length - 2)) }
}

// The parent.

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '10' },
      events: { type: 'string', default: '1000000' },
      callers: { type: 'string', default: '256' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(
      [
        'npm run million -- [options]',
        '',
        '  --rounds n    how often (10)',
        '  --events n    appends per round, unless the kill comes first (1000000)',
        '  --callers n   concurrent callers (256)',
        '  --seed n      of the kill times',
        '  --json        one line of JSON per round and one for the total',
        '  --help        this',
      ].join('\n'),
    )
    return
  }
  const options = { events: Number(values.events), callers: Number(values.callers), json: values.json }
  const random = generator(Number(values.seed))
  const total = { rounds: Number(values.rounds), seed: Number(values.seed), acknowledged: 0, found: 0, lost: 0 }
  if (!options.json) console.log(`seed ${values.seed}`)
  for (let number = 1; number <= total.rounds; number++) {
    const result = await round(number, random, options)
    total.acknowledged += result.acknowledged
    total.found += result.found
    total.lost += result.lost
    if (options.json) console.log(JSON.stringify(result))
    else console.log(lineOf(`round ${number}`, result))
  }
  if (options.json) console.log(JSON.stringify({ total }))
  else console.log(lineOf('total', total))
  if (total.lost > 0) process.exitCode = 1
}

function lineOf(name, { acknowledged, found, lost, seconds, appendsPerSecond }) {
  const parts = [`${acknowledged} acknowledged`, `${found} of them found`, `${lost} lost`]
  if (seconds !== undefined) parts.push(`${seconds.toFixed(1)} s`, `${appendsPerSecond} appends/s`)
  return `${name}: ${parts.join(', ')}`
}

async function round(number, random, { events, callers }) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-million-'))
  try {
    const { positions, seconds, killed } = await appendAndKill(join(directory, 'journal'), random, { events, callers })
    const acknowledged = positions.size
    const found = await countFound(join(directory, 'journal'), positions)
    const appendsPerSecond = Math.round(acknowledged / seconds)
    return { round: number, acknowledged, found, lost: acknowledged - found, killed, seconds, appendsPerSecond }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Kills after a random share of the appends: anywhere from the first to just behind the last. */
async function appendAndKill(directory, random, { events, callers }) {
  const child = fork(script, [directory, String(events), String(callers)], { serialization: 'advanced' })
  const killAt = Math.floor(random() * events * 1.05)
  /** Position by event number, as acknowledged. */
  const positions = new Map()
  let killed = 'at rest'
  let began = performance.now()
  let seconds = 0
  child.on('message', (message) => {
    if (message === 'open') began = performance.now()
    else if (message === 'done') child.kill('SIGKILL')
    else {
      for (let at = 0; at < message.length; at += 2) positions.set(message[at], message[at + 1])
      seconds = (performance.now() - began) / 1_000
      if (positions.size >= killAt && !child.killed) {
        killed = 'under load'
        child.kill('SIGKILL')
      }
    }
  })
  // What was on its way through the pipe when the child died counts as well.
  const [code, signal] = await new Promise((resolve, reject) => {
    let end
    child.on('error', reject)
    child.on('exit', (...how) => {
      end = how
      if (!child.connected) resolve(end)
    })
    child.on('disconnect', () => {
      if (end !== undefined) resolve(end)
    })
  })
  if (signal !== 'SIGKILL') throw new Error(`the appending process ended by itself (${code ?? signal})`)
  return { positions, seconds, killed }
}

/** How many of the acknowledged events stand at their places with their content. */
async function countFound(directory, positions) {
  const journal = await open(directory)
  try {
    let found = 0
    let expected = 1
    for await (const event of journal.read()) {
      if (event.position !== expected++)
        throw new Error(`position ${expected - 1} is missing: ${event.position} follows`)
      const { n, text } = event.data
      if (event.stream !== `stream/${n % streams}` || text !== dataOf(n).text)
        throw new Error(`position ${event.position} is altered`)
      if (positions.get(n) === event.position) found++
    }
    return found
  } finally {
    await journal.close()
  }
}

/** Repeatable chance (xorshift). */
function generator(seed) {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
}
