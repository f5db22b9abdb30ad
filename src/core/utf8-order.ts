// The order of keys everywhere: as UTF-8 bytes, which is the order of code points. JavaScript's own `<` compares
// UTF-16 units, and those put a character beyond U+FFFF (a pair of surrogates, 0xD800 to 0xDFFF) before U+E000.
// Invariant: for text that UTF-8 can hold, the sign is that of Buffer.compare; for any text it is a total order.

/** Negative, zero or positive as `a` sorts before, with or after `b`. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0
  const common = Math.min(a.length, b.length)
  for (let index = 0; index < common; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) return left >= 0xd800 && right >= 0xd800 ? rank(left) - rank(right) : left - right
  }
  return a.length - b.length
}

/** Above 0xD7FF only: moves the surrogates behind U+E000 to U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/** False when the text holds half a surrogate pair, which UTF-8 cannot hold (it would come back as U+FFFD). */
export function isUtf8Text(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
