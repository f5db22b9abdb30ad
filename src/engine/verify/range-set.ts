// Ranges of positions, both ends inclusive, kept as few: those that touch are one. Removal stubs fill it; gaps are
// looked up in it.

import { never } from '../../errors.ts'

export class RangeSet {
  /** Sorted, disjoint, not touching. */
  readonly #ranges: { from: number; to: number }[] = []

  add(from: number, to: number): void {
    if (from > to) return
    const at = this.#firstEndingFrom(from - 1)
    let end = at
    let merged = { from, to }
    for (let range = this.#ranges[end]; range !== undefined && range.from <= to + 1; range = this.#ranges[++end]) {
      merged = { from: Math.min(merged.from, range.from), to: Math.max(merged.to, range.to) }
    }
    this.#ranges.splice(at, end - at, merged)
  }

  /** Whether all of the range is in one. */
  covers(from: number, to: number): boolean {
    const range = this.#ranges[this.#firstEndingFrom(to)]
    return range !== undefined && range.from <= from
  }

  /** Index of the first range that ends at or behind `position`. */
  #firstEndingFrom(position: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { to } = this.#ranges[middle] ?? never('the middle lies within the list')
      if (to < position) low = middle + 1
      else high = middle
    }
    return low
  }
}
