// Names that begin with a prefix, as a range of names in the order of their bytes: what an index can answer.

/** The least name that is greater than all that begin with the prefix; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = [...prefix]
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const next = (last.codePointAt(0) as number) + 1 // of a character
    // U+D800 to U+DFFF are no characters: the next one is U+E000.
    if (next <= 0x10ffff) return points.join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next)
  }
  return undefined
}
