// Figures of several rounds, and their ratios. The peers of a work take turns within each round, so that what disturbs
// the machine disturbs all of them; a ratio is therefore taken within a round, and the median is taken of the ratios.

/** Runs `measure(peer, round)` for every peer in every round, beginning with another peer each time. */
export async function interleave(peers, rounds, measure) {
  const figures = new Map(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < peers.length; turn++) {
      const peer = peers[(turn + round) % peers.length]
      figures.get(peer).push(await measure(peer, round))
    }
  }
  return figures
}

/** Median, minimum and maximum. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted.at(-1), values }
}

/** Per round: ours ÷ theirs. */
export function ratio(ours, theirs) {
  return spread(ours.map((value, round) => value / theirs[round]))
}

export async function elapsedMs(work) {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** A benchmark that counted wrong has measured something else: it stops here. */
export function mustEqual(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: found ${found}, expected ${expected}`)
}
