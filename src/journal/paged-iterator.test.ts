import { describe, expect, it } from 'vitest'
import { PagedIterator } from './paged-iterator.ts'

async function* pages(...all: readonly (readonly number[])[]): AsyncGenerator<readonly number[]> {
  yield* all
}

describe('PagedIterator', () => {
  it('hands out item by item, past empty pages', async () => {
    const seen: number[] = []
    for await (const item of new PagedIterator(pages([1, 2], [], [3]))) seen.push(item)
    expect(seen).toEqual([1, 2, 3])
  })

  it('answers calls in order when they are not awaited', async () => {
    const iterator = new PagedIterator(pages([1], [2, 3], [4]))
    const results = await Promise.all(Array.from({ length: 6 }, () => iterator.next()))
    expect(results.map((result) => result.value)).toEqual([1, 2, 3, 4, undefined, undefined])
  })

  it('fails once, and is at its end then', async () => {
    async function* failing(): AsyncGenerator<readonly number[]> {
      yield [1]
      throw new Error('broken')
    }
    const iterator = new PagedIterator(failing())
    const settled = await Promise.allSettled([iterator.next(), iterator.next(), iterator.next()])
    expect(settled.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('lets the source clean up when the consumer leaves', async () => {
    let isClean = false
    async function* source(): AsyncGenerator<readonly number[]> {
      try {
        yield [1, 2]
      } finally {
        isClean = true
      }
    }
    for await (const _item of new PagedIterator(source())) break
    expect(isClean).toBe(true)
  })
})
