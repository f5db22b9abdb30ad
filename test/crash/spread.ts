// The order in which a sweep takes the operations of a script: all of them, but not one after the other. A defect shows where
// the script does something certain, often late in it, and there for several operations: so it is met early.

const stride = 16

/** From `first` to `last`, every `every`-th: each once. */
export function spread({
  first = 1,
  last,
  every = 1,
}: {
  readonly first?: number
  readonly last: number
  readonly every?: number
}): readonly number[] {
  const all = Array.from({ length: Math.max(0, Math.floor((last - first) / every) + 1) }, (_, n) => first + n * every)
  return Array.from({ length: stride }, (_, rest) => all.filter((_at, n) => n % stride === rest)).flat()
}
