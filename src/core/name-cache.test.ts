import { describe, expect, it } from 'vitest'
import { NameCache } from './name-cache.ts'

/** The names as the cache gives them, all with the same hash: they compete for one place. */
function throughOnePlace(names: readonly string[]): readonly string[] {
  const cache = new NameCache()
  return names.map((name) => {
    const buffer = Buffer.from(`"${name}"`)
    return cache.ascii(buffer, 1, 1 + name.length, 7)
  })
}

describe('names that are looked up by their bytes', () => {
  it.each([
    ['of one length', ['orders/1', 'orders/2', 'orders/1', 'xrders/1', 'orders/1']],
    ['one the beginning of the other', ['order', 'orders', 'order', 'o', 'orders']],
    ['one of them empty', ['', 'a', '', 'b', '']],
  ])('are what the bytes say though others had their place: %s', (_what, names) => {
    expect(throughOnePlace(names)).toEqual(names)
  })
})
