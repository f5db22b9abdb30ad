import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BloomBuilder, bloomMayContain, hashKey } from './bloom.ts'

const keys = (kind: string) => Array.from({ length: 20_000 }, (_, index) => `command/${kind}-${index}`)

describe.each([
  ['a known number of keys', 20_000],
  ['an unknown number of keys', undefined],
])('a Bloom filter for %s', (_, keysMax) => {
  it('never denies a key, and lets through few others, at ten bits a key', () => {
    const builder = new BloomBuilder(keysMax)
    for (const key of keys('in')) builder.add(hashKey(key))
    const bits = builder.finish()
    expect(bits.length).toBe(25_000)
    expect(keys('in').every((key) => bloomMayContain(bits, hashKey(key)))).toBe(true)
    const wrong = keys('out').filter((key) => bloomMayContain(bits, hashKey(key))).length
    expect(wrong / 20_000).toBeLessThan(0.015)
  })

  it('holds for any text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (list) => {
        const builder = new BloomBuilder(keysMax)
        for (const key of list) builder.add(hashKey(key))
        const bits = builder.finish()
        expect(list.every((key) => bloomMayContain(bits, hashKey(key)))).toBe(true)
      }),
    )
  })
})

it('the hash is part of the file format', () => {
  expect(['', 'a', 'run/research-42', '\u{1f600}'].map((key) => Object.values(hashKey(key)))).toMatchInlineSnapshot(`
    [
      [
        557668662,
        1709424259,
      ],
      [
        3397132968,
        21731005,
      ],
      [
        3854511154,
        2087186841,
      ],
      [
        1248432750,
        3033743237,
      ],
    ]
  `)
})
