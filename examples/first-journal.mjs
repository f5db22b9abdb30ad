// A first journal: an agent that is killed in the middle of its work, and what is left of it.
//
//   npm start                       in a temporary directory, removed afterwards
//   npm start -- ./agent            in a directory that stays, to look at and to run again
//
// A child process appends with many callers at once and tells each acknowledgement to its parent. The parent kills it
// with SIGKILL at a random moment, opens the journal again, and holds it to every acknowledgement that it was told.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from 'holdfast'

const callers = 64
const orderId = 'order-17'
const usage = `Usage: npm start -- [directory] [--json] [--help]

Appends to a journal from ${callers} callers at once in a child process, kills that process with SIGKILL at a random
moment, opens the journal again and checks that everything acknowledged is there.

  directory   where the journal is made or continued; by default a temporary directory that is removed afterwards
  --json      print the figures as one line of JSON, and nothing else
  --help      print this`

const { values, positionals } = parseOptions()
if (values.help) console.log(usage)
else if (values.worker) await work(positionals[0])
else await demonstrate(positionals[0])

function parseOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, worker: { type: 'boolean' } },
    })
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`)
    process.exit(2)
  }
}

// The child: an agent that never ends by itself.

async function work(directory) {
  const journal = await open(directory)
  const { position: before } = await journal.head()
  await journal.append(
    'orders/17',
    { type: 'order.placed', data: { article: 'lamp', pieces: 1 } },
    { commandId: orderId },
  )
  process.send({ before })
  let acknowledged = []
  const tell = () => {
    process.send({ acknowledged })
    acknowledged = []
  }
  const call = async (caller) => {
    for (let step = 1; ; step++) {
      const data = { step, thought: `caller ${caller} decides on step ${step}` }
      const { position } = await journal.append(`agent/${caller}`, { type: 'step.done', data })
      if (acknowledged.length === 0) setImmediate(tell)
      acknowledged.push([position, caller, step])
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
}

// The parent.

async function demonstrate(chosen) {
  const say = values.json ? () => undefined : (line) => console.log(line)
  const directory = chosen === undefined ? await mkdtemp(join(tmpdir(), 'holdfast-')) : resolve(chosen)
  // What went wrong is kept to be looked at.
  let isKept = true
  try {
    await mkdir(directory, { recursive: true })
    say(`1. A child process appends to ${directory}, ${callers} callers at once, each awaiting the disk.`)
    const killed = await runAndKill(directory, say)
    const perSecond = Math.round(killed.acknowledged.size / (killed.workedMs / 1000))
    say(
      `   Killed with SIGKILL after ${killed.workedMs} ms: ${figure(killed.acknowledged.size)} appends were acknowledged, ${figure(perSecond)} a second.`,
    )

    const began = performance.now()
    const journal = await open(directory)
    const openedMs = Math.round(performance.now() - began)
    const found = await check(journal, killed)
    say(`2. Opened again in ${openedMs} ms and read: ${figure(found.events)} events.`)
    say(
      `   Acknowledged and missing: ${found.missing}. Acknowledged and different: ${found.different}. Holes in a stream: ${found.holes}.`,
    )
    say(`   Beyond that ${figure(found.unacknowledged)} events that were on their way when the process died.`)

    const again = await journal.append(
      'orders/17',
      { type: 'order.placed', data: { article: 'lamp', pieces: 1 } },
      { commandId: orderId },
    )
    const orders = await journal.read('orders/17').toArray()
    say(
      `3. Sent the command ${orderId} again: ${again.duplicate ? `it had taken effect at position ${again.position}` : 'it was taken for new'}; the stream holds ${orders.length} order.`,
    )

    const report = await journal.verify()
    say(
      `4. Verified every line: ${figure(report.records)} records in ${report.segments} segments, ${megabytes(report.bytes)}, ${report.ok ? 'no damage' : 'DAMAGED'}.`,
    )
    for (const { severity, file, offset, message } of report.findings)
      say(`   ${severity}: ${file}${offset === undefined ? '' : `:${offset}`} ${message}`)
    await journal.close()
    await showLines(directory, say)

    const isGood =
      found.missing + found.different + found.holes === 0 && again.duplicate && orders.length === 1 && report.ok
    const figures = {
      ok: isGood,
      acknowledged: killed.acknowledged.size,
      appendsPerSecond: perSecond,
      workedMs: killed.workedMs,
      openedMs,
      ...found,
      duplicate: again.duplicate,
      orders: orders.length,
      verified: { records: report.records, segments: report.segments, bytes: report.bytes, ok: report.ok },
    }
    if (values.json) console.log(JSON.stringify(figures))
    say(
      isGood
        ? '\nNothing that was acknowledged is lost.'
        : '\nThis must not happen: please report it with the directory.',
    )
    isKept = chosen !== undefined || !isGood
    if (!isGood) process.exitCode = 1
    else if (chosen !== undefined) say(`The journal is in ${directory}; run this again to continue it.`)
  } finally {
    if (!isKept) await rm(directory, { recursive: true, force: true })
  }
}

/** What the child was told is durable, as the parent heard of it before the kill. */
async function runAndKill(directory, say) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--worker', directory], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  // What the child sent before it died may still be in the channel when its end is told.
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  const acknowledged = new Map()
  let before = 0
  let workedMs = 0
  let toldAt = 0
  child.on('message', (message) => {
    const now = performance.now()
    if (message.before !== undefined) {
      before = message.before
      toldAt = now
      const kill = () => {
        workedMs = Math.round(performance.now() - now)
        child.kill('SIGKILL')
      }
      setTimeout(kill, 600 + Math.random() * 900)
      return
    }
    for (const [position, caller, step] of message.acknowledged) acknowledged.set(position, { caller, step })
    if (now - toldAt < 300) return
    toldAt = now
    say(`   ${figure(acknowledged.size)} acknowledged`)
  })
  const [[code, signal]] = await ended
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself (${signal ?? code}) before it was killed`)
  return { acknowledged, before, workedMs }
}

/** Reads the whole journal and compares it with what was acknowledged. */
async function check(journal, { acknowledged, before }) {
  const found = { events: 0, missing: acknowledged.size, different: 0, holes: 0, unacknowledged: 0 }
  const seqs = new Map()
  let last = 0
  for await (const event of journal.read()) {
    found.events++
    if (event.seq !== (seqs.get(event.stream) ?? 0) + 1 || event.position !== last + 1) found.holes++
    seqs.set(event.stream, event.seq)
    last = event.position
    const expected = acknowledged.get(event.position)
    if (expected === undefined) {
      // Only what this child appended: an earlier run in the same directory told its own parent.
      if (event.type === 'step.done' && event.position > before) found.unacknowledged++
      continue
    }
    found.missing--
    if (event.stream !== `agent/${expected.caller}` || event.data.step !== expected.step) found.different++
  }
  return found
}

/** The log as a person sees it, with the tools that are at hand. */
async function showLines(directory, say) {
  const segments = join(directory, 'segments')
  const newest = (await readdir(segments))
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .at(-1)
  const path = join(segments, newest)
  const tail = spawnSync('tail', ['-n', '2', path], { encoding: 'utf8' })
  if (tail.status !== 0) return
  say(`5. The log is text: tail -n 2 segments/${newest}`)
  for (const line of tail.stdout.trimEnd().split('\n')) say(`   ${line}`)
  const filter = 'select(.type == "step.done") | {position, stream, seq, step: .data.step}'
  const jq = spawnSync('sh', ['-c', 'tail -n 4 "$1" | jq -c "$2"', 'sh', path, filter], { encoding: 'utf8' })
  if (jq.status !== 0 || jq.stdout === '') return
  say(`   tail -n 4 … | jq -c '${filter}'`)
  for (const line of jq.stdout.trimEnd().split('\n')) say(`   ${line}`)
}

function figure(number) {
  return number.toLocaleString('en-US')
}

function megabytes(bytes) {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
