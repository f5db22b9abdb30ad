// A small generator of repeatable chance, for tests and the simulated disk: the same seed gives the same numbers on
// every machine and for ever, which is what a printed seed is worth. Not for secrets.

export interface Prng {
  /** An integer from 0 to 2^32 - 1. */
  next(): number
  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number
  /** True in about this share of the cases. */
  chance(share: number): boolean
}

const wheel = 2 ** 32

/** A counter (Weyl sequence) whose every state is hashed: neighbouring seeds have nothing in common. */
export function prng(seed: number): Prng {
  let state = mix(seed >>> 0)
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    return mix(state)
  }
  return {
    next,
    // The tiny bias towards small numbers does not matter for choosing what to break.
    below: (bound) => Math.floor((next() / wheel) * bound),
    chance: (share) => next() / wheel < share,
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
