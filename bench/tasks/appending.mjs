// One of several writers of a journal, in a process of its own: it begins when the others are ready too.

import { appendFor } from '../appending.mjs'
import { eventsOf, streamName } from '../event.mjs'

const poolSize = 64

/** `first`: the number of its first stream; each caller has one of its own. */
export async function appending(peer, { directory, first, callers, ms }, begin) {
  const pools = Array.from({ length: callers }, (_, at) => eventsOf(streamName(first + at), poolSize))
  const store = await peer.open(directory)
  const warm = await appendFor(store, { name: peer.name, pools: warmPools(callers, first), ms: ms / 2 })
  const { perSecond, appended } = await appendFor(store, { name: peer.name, pools, ms, begin })
  await store.close()
  return { perSecond, appended: appended + warm.appended }
}

/** Other streams, so that those that count begin at 1. */
function warmPools(callers, first) {
  return Array.from({ length: callers }, (_, at) => eventsOf(`warm/${first + at}`, 1))
}
