import { describe, expect, it } from 'vitest'
import { BoundedCache } from './bounded-cache.ts'

describe('bounded cache', () => {
  it('gives back what was set last', () => {
    const cache = new BoundedCache<number>(10)
    cache.set('a', 1)
    cache.set('a', 2)
    expect(cache.get('a')).toBe(2)
    expect(cache.get('b')).toBeUndefined()
  })

  it('never gives an old value after a newer one was set, whatever was forgotten between', () => {
    const cache = new BoundedCache<number>(4)
    cache.set('a', 1)
    for (const name of ['b', 'c', 'd']) cache.set(name, 0)
    cache.set('a', 2)
    for (let index = 0; index < 20; index++) {
      cache.set(`other ${index}`, 0)
      expect([2, undefined]).toContain(cache.get('a'))
    }
  })

  it('keeps what is used and forgets what is not', () => {
    const cache = new BoundedCache<number>(8)
    cache.set('used', 1)
    cache.set('unused', 1)
    for (let index = 0; index < 20; index++) {
      cache.set(`other ${index}`, 0)
      expect(cache.get('used')).toBe(1)
    }
    expect(cache.get('unused')).toBeUndefined()
  })

  it('forgets nothing while it is held, and what is no longer its own when told so', () => {
    const cache = new BoundedCache<number>(4)
    cache.isHeld = true
    for (let index = 0; index < 20; index++) cache.set(`${index}`, index)
    expect(Array.from({ length: 20 }, (_, index) => cache.get(`${index}`))).toEqual(
      Array.from({ length: 20 }).map((_, index) => index),
    )
    cache.forget(new Set(['3']))
    expect(cache.get('3')).toBeUndefined()
    cache.isHeld = false
    for (let index = 100; index < 106; index++) cache.set(`${index}`, index)
    expect(cache.get('0')).toBeUndefined()
  })
})
