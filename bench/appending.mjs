// Callers that append for a time, each waiting for its own append before it makes the next: what W1, W9 and the table of
// the stores count.

import { mustEqual } from './measure.mjs'

/** `pools`: for each caller the events of its stream, used in turn. Gives the events a second, and how many were appended in
 * all. One append of each caller comes before the clock runs: it makes connections and prepares statements. */
export async function appendFor(store, { name, pools, ms, begin = async () => {} }) {
  const once = async (pool, seq) => {
    const receipt = await store.append(pool[(seq - 1) % pool.length])
    if (store.seqOf !== undefined) mustEqual(store.seqOf(receipt), seq, `${name}: seq`)
  }
  await Promise.all(pools.map((pool) => once(pool, 1)))
  await begin()
  let appended = 0
  const began = performance.now()
  const deadline = began + ms
  const call = async (pool) => {
    let seq = 1
    do await once(pool, ++seq)
    while (performance.now() < deadline)
    appended += seq - 1
  }
  await Promise.all(pools.map(call))
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: appended / seconds, appended: appended + pools.length }
}
