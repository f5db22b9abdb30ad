import { describe, expect, it } from 'vitest'
import { SampledMap } from './sampled-map.ts'

describe('a sampled map', () => {
  it('holds all keys while they are few', () => {
    const map = new SampledMap<number>(4)
    for (let number = 0; number < 4; number++) map.set(`k${number}`, number)
    map.set('k3', 33)
    expect([...map]).toEqual([
      ['k0', 0],
      ['k1', 1],
      ['k2', 2],
      ['k3', 33],
    ])
    expect(map.isSample).toBe(false)
    expect(map.covers('unheard of')).toBe(true)
    map.delete('k3')
    expect([map.size, map.has('k3'), map.get('k3')]).toEqual([3, false, undefined])
  })

  it('holds a sample of them when they are many: in it everything, outside of it nothing', () => {
    const map = new SampledMap<number>(100)
    for (let number = 0; number < 10_000; number++) map.set(`k${number}`, number)
    expect(map.isSample).toBe(true)
    expect(map.size).toBeLessThanOrEqual(100)
    expect(map.size).toBeGreaterThan(20)
    for (let number = 0; number < 10_000; number++) {
      const key = `k${number}`
      expect(map.has(key)).toBe(map.covers(key))
      if (map.has(key)) expect(map.get(key)).toBe(number)
    }
  })

  it('takes nothing in that its sample does not cover', () => {
    const map = new SampledMap<number>(10)
    for (let number = 0; number < 1_000; number++) map.set(`k${number}`, number)
    const key = Array.from({ length: 100 }, (_, number) => `other ${number}`).find((each) => !map.covers(each)) ?? ''
    const { size } = map
    map.set(key, 1)
    expect([map.has(key), map.size]).toEqual([false, size])
  })
})
