// What reading and appending cost in a journal that has grown: small pieces of work that are the same at every size.

import { eventAt, eventsOf } from '../event.mjs'
import { mustEqual } from '../measure.mjs'

const callers = 64
const streamReads = 100
const tailReads = 40
const tailEvents = 100
const poolSize = 64

/** In µs: per read of a stream's newest event, per event of whole streams, per read of the last 100, per append. */
export async function grown(peer, { directory, events, streams, ms }) {
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
  const { appended, seconds } = await appendFor(store, ms)
  mustEqual(await store.count(), events + appended, `${peer.name}: events after`)
  await store.close()
  return {
    newestUs,
    streamEventUs: (streamUs * names.length) / read,
    tailUs,
    appendUs: (seconds * 1e6) / appended,
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
