// Where the names that begin with a prefix end, in the order of UTF-8 bytes: so an index by name answers for a prefix.

import type { SqliteValue } from './driver.ts'

/** In SQLite, any blob is greater than any text. */
const behindAllText: Uint8Array = Uint8Array.of(0xff)

/** The least value behind all texts that begin so. */
export function prefixEnd(prefix: string): SqliteValue {
  const points = [...prefix]
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0
    // Behind U+D7FF come the surrogates, which UTF-8 doesn't have.
    if (point < 0x10ffff) return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1)
  }
  return behindAllText
}
