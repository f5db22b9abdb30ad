// A process of its own per task, so that opening starts from nothing, memory is that of one journal alone, and a kill is
// a real one. Run as a program it does one task; imported, it starts them.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { commandAt, commandIdAt, eventAt } from './event.mjs'
import { mustEqual } from './measure.mjs'
import { doTask, othersReady, inProcess as processOf } from './task-process.mjs'
import { appending } from './tasks/appending.mjs'
import { grown } from './tasks/grown.mjs'

const program = fileURLToPath(import.meta.url)
const inProcess = (task, ready) => processOf(program, task, { ready })
const buildBatch = 10_000
/** Small enough that a process which is killed leaves work for the next opening: an unfinished segment, a log to replay. */
const dyingBatch = 1_000

/** Makes a journal of so many events and closes it. With `commands`, each event has a command id. */
export function build(peer, { directory, events, streams, commands = false }) {
  return inProcess({ task: 'build', peer, directory, from: 0, events, streams, commands })
}

/** Appends more, each batch durable, and kills itself. */
export function appendAndDie(peer, { directory, from, events, streams, commands = false }) {
  return inProcess({ task: 'die', peer, directory, from, events, streams, commands })
}

/** Opens and reads the head of one stream, and with `commands` a receipt; gives the times in ms and memory in bytes. */
export function timedOpen(peer, { directory, events, laid, streams, commands = false }) {
  return inProcess({ task: 'open', peer, directory, events, laid, streams, commands })
}

/** What reading and appending cost in a journal of this size (tasks/grown.mjs). */
export function measureGrown(peer, { directory, events, laid, streams, ms }) {
  return inProcess({ task: 'grown', peer, directory, events, streams, kept: oldest(laid, streams), ms })
}

/** So many writers of one journal, each in a process of its own with so many callers, from one moment on; gives what each
 * appended, and how many a second. */
export function appendTogether(peer, { directory, writers, callers, ms }) {
  const together = barrier(writers)
  const first = (writer) => writer * callers
  return Promise.all(
    Array.from({ length: writers }, (_, writer) =>
      inProcess({ task: 'append', peer, directory, first: first(writer), callers, ms }, together),
    ),
  )
}

/** Resolves for all when the last has called it. */
function barrier(count) {
  let waiting = count
  let open
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return () => {
    if (--waiting === 0) open()
    return opened
  }
}

if (process.argv[1] === program) {
  await doTask(async (task) => {
    const { peers } = await import('./peers/all.mjs')
    const tasks = { build: fill, die: fill, open: openOnce, append: appending, grown }
    return tasks[task.task](peers[task.peer], task, othersReady)
  })
}

async function fill(peer, { task, directory, from, events, streams, commands }) {
  const isBuilding = task === 'build'
  const store = await peer.open(directory, { isBuilding })
  mustEqual(await store.count(), from, `${peer.name}: events before`)
  const perBatch = isBuilding ? buildBatch : dyingBatch
  for (let at = from; at < from + events; at += perBatch) {
    const count = Math.min(perBatch, from + events - at)
    const made = Array.from({ length: count }, (_, index) => (commands ? commandAt : eventAt)(at + index, streams))
    await (commands ? store.appendCommands(made) : store.appendMany(made))
    await nextTurn() // some stores never wait: to see that the benchmark is gone takes a turn of the event loop
  }
  if (task === 'die') process.kill(process.pid, 'SIGKILL')
  mustEqual(await store.count(), from + events, `${peer.name}: events after`)
  await store.close()
  return {}
}

/** A stream whose newest event is as far back as any: the first of the last turn through all streams. */
function oldest(laid, streams) {
  return eventAt(Math.max(0, laid - streams), streams).stream
}

/** `laid`: how many of the events follow one another as eventAt() makes them, which are the first. */
async function openOnce(peer, { directory, events, laid, streams, commands }) {
  const stream = oldest(laid, streams)
  await peer.load?.()
  const rssBefore = process.memoryUsage.rss()
  const began = performance.now()
  const store = await peer.open(directory)
  const openMs = performance.now() - began
  const seq = await store.headOf(stream)
  const position = commands ? await store.commandPosition(commandIdAt(laid >> 1)) : undefined
  const headMs = performance.now() - began
  const rss = process.memoryUsage.rss()
  mustEqual(seq, Math.floor(laid / streams), `${peer.name}: head of ${stream}`)
  if (commands) mustEqual(position, (laid >> 1) + 1, `${peer.name}: position of a command`)
  mustEqual(await store.count(), events, `${peer.name}: events found`)
  await store.close()
  return { openMs, headMs, rss, rssGrown: rss - rssBefore }
}
