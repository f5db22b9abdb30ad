import { describe, expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { createPayloadCodec } from './payload.ts'

const codec = createPayloadCodec()
const text = (value: unknown) => codec.encode(value, 'data').text
const roundTrip = (value: unknown) => codec.decode(JSON.parse(text(value)))

class Point {
  readonly x: number
  constructor(x: number) {
    this.x = x
  }
}

describe('what is refused', () => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = [cyclic]
  const cyclicMap = new Map<string, unknown>()
  cyclicMap.set('me', cyclicMap)
  const cyclicError = new Error('x')
  cyclicError.cause = { cyclicError }
  const anonymous = Object.create(Object.create(null)) as object

  it.each<[string, unknown, string]>([
    ['a function', { items: [1, 2, 3, { callback: () => 1 }] }, 'data.items[3].callback'],
    ['a symbol', { 'odd key': Symbol('s') }, 'data["odd key"]'],
    ['a symbol as key', { a: { [Symbol('s')]: 1 } }, 'data.a[Symbol(s)]'],
    ['NaN', [Number.NaN], 'data[0]'],
    ['infinity', { $: Number.NEGATIVE_INFINITY }, 'data.$'],
    ['infinity alone', Number.POSITIVE_INFINITY, 'data'],
    ['a cycle', cyclic, 'data.self[0]'],
    ['a cycle through a map', cyclicMap, 'data.$map[0][1]'],
    ['a cycle through an error', cyclicError, 'data.cause.cyclicError'],
    ['a class instance', { p: new Point(1) }, 'data.p'],
    ['a class without constructor', anonymous, 'data'],
    ['a class without name', new (class {})(), 'data'],
    ['a boxed number', Object(1), 'data'],
    ['a regular expression', /x/, 'data'],
    ['a subclass of Array', new (class List extends Array {})(), 'data'],
    ['a subclass of Map', new (class Table extends Map {})(), 'data'],
    ['a subclass of Uint8Array', new (class Bytes extends Uint8Array {})(), 'data'],
    ['an object posing as a Date', Object.create(Date.prototype), 'data'],
    ['an object posing as a Map', Object.create(Map.prototype), 'data'],
    ['an object posing as a Set', Object.create(Set.prototype), 'data'],
    ['an object posing as bytes', Object.create(Uint8Array.prototype), 'data'],
    ['a proxy of a Map', { m: new Proxy(new Map(), {}) }, 'data.m'],
    ['an object posing as an array', Object.create(Array.prototype), 'data'],
    ['another typed array', { v: new Float32Array(1) }, 'data.v'],
    ['an ArrayBuffer', new ArrayBuffer(1), 'data'],
    ['a SharedArrayBuffer', new SharedArrayBuffer(1), 'data'],
    ['a DataView', new DataView(new ArrayBuffer(1)), 'data'],
    ['an invalid date', { at: new Date(Number.NaN) }, 'data.at'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    ['a hole', [1, , 3], 'data[1]'],
    ['a hole at the end', Object.assign([1], { length: 2 }), 'data[1]'],
    ['an array with a setter', Object.defineProperty([1], 0, { set: () => {}, enumerable: true }), 'data[0]'],
    ['a hole that a property makes up for', Object.assign([1], { length: 2, extra: 0 }), 'data[1]'],
    ['an array with a property', Object.assign([1], { index: 0 }), 'data.index'],
    ['an array with a property like an index', Object.assign([1], { '01': 0 }), 'data["01"]'],
    ['an array with a hidden property', Object.defineProperty([1], 'raw', { value: 1 }), 'data.raw'],
    ['an array with a symbol', Object.assign([1], { [Symbol('s')]: 1 }), 'data[Symbol(s)]'],
    ['an array with a getter', Object.defineProperty([1], 0, { get: () => 1, enumerable: true }), 'data[0]'],
    [
      'a getter',
      {
        get now() {
          return 1
        },
      },
      'data.now',
    ],
    ['a setter', { set now(_: number) {} }, 'data.now'],
    ['a hidden property', Object.defineProperty({ a: 1 }, 'b', { value: 1 }), 'data.b'],
    ['arguments', argumentsOf(1), 'data[Symbol(Symbol.iterator)]'],
    [
      'a proxy that denies its properties',
      new Proxy({ a: 1 }, { getOwnPropertyDescriptor: () => undefined }),
      'data.a',
    ],
    ['a date with a property', Object.assign(new Date(0), { zone: 'Z' }), 'data.zone'],
    ['a map with a property', Object.assign(new Map(), { a: 1 }), 'data.a'],
    ['a set with a symbol', Object.assign(new Set(), { [Symbol('s')]: 1 }), 'data[Symbol(s)]'],
    ['something in a set', new Set([Symbol('s')]), 'data.$set[0]'],
    ['something as a key of a map', new Map([[() => 1, 1]]), 'data.$map[0][0]'],
    ['something in an error', Object.assign(new Error('x'), { request: () => 1 }), 'data.request'],
    ['a getter of an error', Object.defineProperty(new Error('x'), 'a', { get: () => 1, enumerable: true }), 'data.a'],
    ['a symbol of an error', Object.assign(new Error('x'), { [Symbol('s')]: 1 }), 'data[Symbol(s)]'],
    ['something in an aggregate', new AggregateError([() => 1]), 'data.errors[0]'],
    ['a message that is no text', Object.assign(new Error('x'), { message: 7 }), 'data.message'],
    ['a name that is no text', Object.assign(new Error('x'), { name: null }), 'data.name'],
  ])('%s', (_, value, path) => {
    expect(() => codec.encode(value, 'data')).toThrow(
      expect.objectContaining({
        code: 'NOT_STORABLE',
        message: expect.stringContaining(`${path} is `) as unknown,
        hint: expect.any(String) as unknown,
        details: { path },
      }),
    )
  })

  it('is named under meta when it stands there', () => {
    expect(() => codec.encode({ f: () => 1 }, 'meta')).toThrow(expect.objectContaining({ details: { path: 'meta.f' } }))
  })
})

function argumentsOf(..._: readonly number[]): unknown {
  // biome-ignore lint/complexity/noArguments: the arguments object is what is tested
  return arguments
}

describe('depth', () => {
  const nested = (depth: number, wrap: (value: unknown) => unknown, leaf: unknown = 1) => {
    let value = leaf
    for (let level = 0; level < depth; level += 1) value = wrap(value)
    return value
  }
  const wraps: readonly [string, (value: unknown) => unknown][] = [
    ['arrays', (value) => [value]],
    ['objects', (value) => ({ $: value })],
    ['maps', (value) => new Map([[1, value]])],
    ['sets', (value) => new Set([value])],
    ['errors', (value) => Object.assign(new Error('x'), { value })],
    ['causes', (value) => new Error('x', { cause: value })],
  ]

  it.each(wraps)('of %s is held up to the limit', (_, wrap) => {
    const value = nested(limits.depthMax, wrap, new Date(0))
    expect(text(roundTrip(value))).toBe(text(value))
    for (const depth of [limits.depthMax + 1, 100_000]) {
      expect(() => text(nested(depth, wrap))).toThrow(expect.objectContaining({ code: 'TOO_DEEP' }))
    }
  })

  it('names the place', () => {
    expect(() => text(nested(limits.depthMax + 1, (value) => [value]))).toThrow(
      expect.objectContaining({ details: { path: `data${'[0]'.repeat(limits.depthMax)}` } }),
    )
  })
})
