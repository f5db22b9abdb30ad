// Figures of several rounds, and their ratios. The peers of a work take turns within each round, so that what disturbs
// the machine disturbs all of them; a ratio is therefore taken within a round, and the median is taken of the ratios.

/** Runs `measure(peer, round)` for every peer in every round, beginning with another peer each time. */
export async function interleave(peers, rounds, measure, tell = () => {}) {
  const figures = new Map(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    tell(round)
    for (let turn = 0; turn < peers.length; turn++) {
      const peer = peers[(turn + round) % peers.length]
      figures.get(peer).push(await measure(peer, round))
    }
  }
  return figures
}

/** Median, minimum and maximum. */
export function spread(values) {
  const sorted = ascending(values)
  return { median: middleOf(sorted), min: sorted[0], max: sorted.at(-1), values }
}

export function median(values) {
  return middleOf(ascending(values))
}

/** The smallest value that at least this share of all values don't pass: the worst of them is percentile 1. */
export function percentile(values, share) {
  const sorted = ascending(values)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/** Per round: ours ÷ theirs. */
export function ratio(ours, theirs) {
  return spread(ours.map((value, round) => value / theirs[round]))
}

/** Per round: ours − theirs. */
export function difference(ours, theirs) {
  return spread(ours.map((value, round) => value - theirs[round]))
}

/** With which power of the size the cost grows: the slope of log(cost) over log(size), by least squares. 0 is flat,
 * 1 is in proportion. Undefined where two sizes are not to be had. */
export function exponent(points) {
  const logs = points
    .filter(([size, cost]) => size > 0 && cost > 0)
    .map(([size, cost]) => [Math.log(size), Math.log(cost)])
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length
  const across = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  if (logs.length < 2 || across === 0) return undefined
  return logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / across
}

/** A benchmark that counted wrong has measured something else: it stops here. */
export function mustEqual(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: found ${found}, expected ${expected}`)
}

function ascending(values) {
  return Float64Array.from(values).sort()
}

function middleOf(sorted) {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
