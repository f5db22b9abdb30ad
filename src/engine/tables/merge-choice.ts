// Which tables to merge: neighbours of similar size, at least four of them, newest first. So an entry is rewritten about
// once each time the whole grows fourfold, and the number of tables grows with the logarithm of the whole.
// Only neighbours: merging across a table in between would let an old value overtake a newer one.

const tablesMin = 4
/** Tables smaller than this count as of this size: to merge them costs nothing that matters. */
const bytesFloor = 65_536
const similarFactor = 2

export interface MergeRun {
  readonly start: number
  readonly end: number
}

/** `tableBytes` newest first; the run is [start, end). */
export function chooseMerge(tableBytes: readonly number[]): MergeRun | undefined {
  for (let start = 0; start + tablesMin <= tableBytes.length; start++) {
    let largest = 0
    let end = start
    for (const bytes of tableBytes.slice(start)) {
      const weight = Math.max(bytesFloor, bytes)
      if (end > start && weight > largest * similarFactor) break
      largest = Math.max(largest, weight)
      end++
    }
    if (end - start >= tablesMin) return { start, end }
  }
  return undefined
}
