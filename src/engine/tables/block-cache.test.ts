import { describe, expect, it } from 'vitest'
import { Block } from './block.ts'
import { BlockBuilder } from './block-builder.ts'
import { BlockCache } from './block-cache.ts'

function newBlock(): Block {
  const builder = new BlockBuilder(64)
  builder.add('key', 'value')
  return new Block(Buffer.from(builder.take()), { file: '', offset: 0 })
}

const cost = newBlock().cost

describe('the block cache', () => {
  it('drops what was not used for longest', () => {
    const cache = new BlockCache(cost * 3)
    const [a, b] = [cache.shelf(), cache.shelf()]
    a.put(1, newBlock())
    b.put(1, newBlock())
    a.put(2, newBlock())
    expect(a.get(1)).toBeDefined()
    b.put(2, newBlock())
    expect([a.get(1), a.get(2), b.get(1), b.get(2)].map((block) => block !== undefined)).toEqual([
      true,
      true,
      false,
      true,
    ])
    expect(cache.used).toBe(cost * 3)
  })

  it('keeps a single block even where it has no room', () => {
    const cache = new BlockCache(0)
    const shelf = cache.shelf()
    shelf.put(1, newBlock())
    shelf.put(2, newBlock())
    expect([shelf.get(1), shelf.get(2) !== undefined]).toEqual([undefined, true])
    expect(cache.used).toBe(cost)
  })

  it('replaces a block at the same place, and forgets a shelf as a whole', () => {
    const cache = new BlockCache(cost * 10)
    const [a, b] = [cache.shelf(), cache.shelf()]
    for (const offset of [1, 2, 3, 2]) a.put(offset, newBlock())
    b.put(9, newBlock())
    expect(cache.used).toBe(cost * 4)
    a.clear()
    expect(cache.used).toBe(cost)
    expect([a.get(2), b.get(9) !== undefined]).toEqual([undefined, true])
    b.clear()
    b.put(1, newBlock())
    expect(cache.used).toBe(cost)
  })
})
