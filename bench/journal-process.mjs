// A process of its own per task, so that opening starts from nothing, memory is that of one journal alone, and a kill is
// a real one. Run as a program it does one task, given as JSON, and prints one line of JSON; imported, it starts them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { eventAt } from './event.mjs'
import { mustEqual } from './measure.mjs'

const program = fileURLToPath(import.meta.url)
const peerModules = { holdfast: 'holdfast', sqlite: 'sqlite', lmdb: 'lmdb' }
/** Small enough that a process which is killed leaves work for the next opening: an unfinished segment, a log to replay. */
const batchEvents = 1_000

/** Makes a journal of so many events and closes it. */
export function build(peer, { directory, events, streams }) {
  return inProcess({ task: 'build', peer, directory, from: 0, events, streams })
}

/** Appends more, each batch durable, and kills itself. */
export function appendAndDie(peer, { directory, from, events, streams }) {
  return inProcess({ task: 'die', peer, directory, from, events, streams })
}

/** Opens and reads the head of one stream; gives the times in ms and memory in bytes. */
export function timedOpen(peer, { directory, events, streams }) {
  return inProcess({ task: 'open', peer, directory, events, streams })
}

async function inProcess(task) {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (task.task === 'die' && signal === 'SIGKILL') return undefined
  if (code !== 0) throw new Error(`${task.task} of ${task.peer} in ${task.directory} ended with ${signal ?? code}`)
  return JSON.parse(output)
}

if (process.argv[1] === program) {
  const task = JSON.parse(process.argv[2])
  const peer = (await import(`./peers/${peerModules[task.peer]}.mjs`))[task.peer]
  const result = task.task === 'open' ? await openOnce(peer, task) : await fill(peer, task)
  console.log(JSON.stringify(result))
}

async function fill(peer, { task, directory, from, events, streams }) {
  const store = await peer.open(directory)
  mustEqual(await store.count(), from, `${peer.name}: events before`)
  for (let at = from; at < from + events; at += batchEvents) {
    const count = Math.min(batchEvents, from + events - at)
    await store.appendMany(Array.from({ length: count }, (_, index) => eventAt(at + index, streams)))
  }
  if (task === 'die') process.kill(process.pid, 'SIGKILL')
  mustEqual(await store.count(), from + events, `${peer.name}: events after`)
  await store.close()
  return {}
}

async function openOnce(peer, { directory, events, streams }) {
  // A stream whose newest event is as far back as any: the first of the last turn through all streams.
  const { stream } = eventAt(Math.max(0, events - streams), streams)
  const rssBefore = process.memoryUsage.rss()
  const began = performance.now()
  const store = await peer.open(directory)
  const openMs = performance.now() - began
  const seq = await store.headOf(stream)
  const headMs = performance.now() - began
  const rss = process.memoryUsage.rss()
  mustEqual(seq, Math.floor(events / streams), `${peer.name}: head of ${stream}`)
  mustEqual(await store.count(), events, `${peer.name}: events found`)
  await store.close()
  return { openMs, headMs, rss, rssGrown: rss - rssBefore }
}
