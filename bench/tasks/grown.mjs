// What reading and appending cost in a journal that has grown: small pieces of work that are the same at every size.

import { eventAt, eventsOf } from '../event.mjs'
import { mustEqual } from '../measure.mjs'

const callers = 64
const streamReads = 100
const tailReads = 40
const tailEvents = 100
const poolSize = 64
/** Streams that got nothing since the journal was opened, one append each. */
const coldStreams = 640

/** In µs: per read of a stream's newest event, per event of whole streams, per read of the last 100, per append to a
 * stream that was long left alone, per append to one that is in use. `kept` is a stream that may not be changed. */
export async function grown(peer, { directory, events, streams, kept, ms }) {
  const store = await peer.open(directory)
  mustEqual(await store.count(), events, `${peer.name}: events before`)
  const names = Array.from(
    { length: streamReads },
    (_, at) => eventAt((at * 7) % Math.min(streams, events), streams).stream,
  )
  for (const stream of names) await store.newestOfStream(`${stream}/none`) // not counted: the code becomes warm
  const newestUs = await timedUs(names, async (stream) => {
    mustEqual((await store.newestOfStream(stream)).length, 1, `${peer.name}: newest of ${stream}`)
  })
  let read = 0
  const streamUs = await timedUs(names, async (stream) => {
    for await (const { seq } of store.readStream(stream)) if (seq > 0) read++
  })
  const tailUs = await timedUs(Array.from({ length: tailReads }), async () => {
    mustEqual((await store.last(tailEvents)).at(-1).position, events, `${peer.name}: the last`)
  })
  const cold = coldEvents(streams, kept)
  const coldSeconds = await appendOnce(store, cold)
  const { appended: hot, seconds } = await appendFor(store, ms)
  const appended = hot + cold.length
  mustEqual(await store.count(), events + appended, `${peer.name}: events after`)
  await store.close()
  return {
    newestUs,
    streamEventUs: (streamUs * names.length) / read,
    tailUs,
    coldAppendUs: (coldSeconds * 1e6) / cold.length,
    appendUs: (seconds * 1e6) / hot,
    appended,
  }
}

async function timedUs(items, work) {
  const began = performance.now()
  for (const item of items) await work(item)
  return ((performance.now() - began) * 1_000) / items.length
}

async function appendFor(store, ms) {
  const pools = Array.from({ length: callers }, (_, at) => eventsOf(`grown/${at}`, poolSize))
  let appended = 0
  const began = performance.now()
  const deadline = began + ms
  const call = async (pool) => {
    let calls = 0
    do {
      await store.append(pool[calls % poolSize])
      calls++
    } while (performance.now() < deadline)
    appended += calls
  }
  await Promise.all(pools.map(call))
  return { appended, seconds: (performance.now() - began) / 1_000 }
}

function coldEvents(streams, kept) {
  const some = Array.from({ length: coldStreams + 1 }, (_, at) =>
    eventAt(Math.floor((at * streams) / (coldStreams + 1)), streams),
  )
  return some.filter(({ stream }) => stream !== kept).slice(0, coldStreams)
}

async function appendOnce(store, events) {
  const waiting = [...events]
  const began = performance.now()
  const call = async () => {
    for (let event = waiting.pop(); event !== undefined; event = waiting.pop()) await store.append(event)
  }
  await Promise.all(Array.from({ length: callers }, call))
  return (performance.now() - began) / 1_000
}
