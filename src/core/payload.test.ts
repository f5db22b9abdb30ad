import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlobRef } from './blob-ref.ts'
import { type CustomCodec, createPayloadCodec, needsDecode } from './payload.ts'
import { PayloadEncoder } from './payload-encode.ts'
import { isPlain } from './payload-plain.ts'

const codec = createPayloadCodec()
const text = (value: unknown) => codec.encode(value, 'data').text
const parse = (json: string): unknown => JSON.parse(json)
const read = (json: string) => (needsDecode(json) ? codec.decode(parse(json)) : parse(json))
const roundTrip = (value: unknown) => read(text(value))
const ownProto = (value: unknown): unknown => parse(`{"__proto__":${JSON.stringify(value)}}`)
const digest = 'ab'.repeat(32)

describe('what JSON holds', () => {
  it.each([null, true, false, 0, -1.5, 1e300, '', 'text', '\ud800', '\u2028\n', [], {}, [[1], { a: [] }]])(
    '%j is written as JSON.stringify does',
    (value) => {
      expect(codec.encode(value, 'data')).toEqual({ text: JSON.stringify(value), blobs: [] })
      expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
    },
  )

  it('keeps -0', () => {
    expect(text([-0, { a: -0 }])).toBe('[-0,{"a":-0}]')
    expect(roundTrip(-0)).toBe(-0)
  })

  it('stores objects without prototype as plain ones', () => {
    expect(text(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}')
  })

  it('writes shared values wherever they stand', () => {
    const shared = { n: 1n }
    expect(roundTrip([shared, { shared }, shared])).toEqual([shared, { shared }, shared])
  })

  it('writes on the fast path what the slow path would write', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        if (!isPlain(value, 0)) return
        expect(new PayloadEncoder([], 'data').encode(value)).toBe(JSON.stringify(value))
      }),
    )
  })
})

describe('forms', () => {
  it.each<[string, unknown, string]>([
    ['bytes', new Uint8Array([0, 255, 16]), '{"$bytes":"AP8Q"}'],
    ['a part of a buffer', new Uint8Array([1, 2, 3, 4]).subarray(1, 3), '{"$bytes":"AgM="}'],
    ['a date', new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}'],
    ['a far date', new Date(8.64e15), '{"$date":"+275760-09-13T00:00:00.000Z"}'],
    ['a bigint', -12345678901234567890n, '{"$bigint":"-12345678901234567890"}'],
    ['zero', 0n, '{"$bigint":"0"}'],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ b: 1n }, undefined],
      ]),
      '{"$map":[["a",1],[{"b":{"$bigint":"1"}},{"$undefined":true}]]}',
    ],
    ['a set', new Set<unknown>([1, new Set(['x'])]), '{"$set":[1,{"$set":["x"]}]}'],
    ['undefined', undefined, '{"$undefined":true}'],
    ['undefined inside', { a: undefined, b: [undefined] }, '{"a":{"$undefined":true},"b":[{"$undefined":true}]}'],
    ['what looks like a form', { $bytes: 'AA==' }, '{"$$bytes":"AA=="}'],
    ['what looks escaped', { $$a: { $: 1 }, $a: 2 }, '{"$$$a":{"$$":1},"$$a":2}'],
    ['a key __proto__ beside a tag', [ownProto({ x: 1 }), 1n], '[{"__proto__":{"x":1}},{"$bigint":"1"}]'],
  ])('%s', (_, value, json) => {
    expect(text(value)).toBe(json)
    expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
  })

  it('gives a Buffer back as Uint8Array with memory of its own', () => {
    const back = roundTrip(Buffer.from('hi')) as Uint8Array
    expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype)
    expect(back.buffer.byteLength).toBe(2)
    expect([...back]).toEqual([104, 105])
  })

  it('never lets a key set a prototype', () => {
    for (const value of [ownProto({ polluted: true }), { $x: 1, inner: ownProto({ polluted: true }) }]) {
      const back = roundTrip(value) as { polluted?: unknown; inner?: { polluted?: unknown } }
      expect(isDeepStrictEqual(back, value)).toBe(true)
      expect(back.polluted ?? back.inner?.polluted).toBeUndefined()
    }
    const escaped = codec.decode(parse('{"__proto__":{"polluted":true},"$$a":1}'))
    expect(Object.getPrototypeOf(escaped)).toBe(Object.prototype)
    expect(Object.keys(escaped as object)).toEqual(['__proto__', '$a'])
  })

  it('names the blobs that it holds, each once', () => {
    const a = new BlobRef(digest, 5)
    const b = new BlobRef('0'.repeat(64), 0)
    const encoded = codec.encode({ a, list: [a, b] }, 'meta')
    expect(encoded.blobs).toEqual([a.digest, b.digest])
    expect(encoded.text).toContain(`{"$blob":"${digest}","bytes":5}`)
    expect(read(encoded.text)).toEqual({ a, list: [a, b] })
    expect((read(encoded.text) as { a: unknown }).a).toBeInstanceOf(BlobRef)
  })

  it('comes back equal, whatever it is', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom<unknown>(null, undefined, true, -0, 0, '', '$', '$$', '__proto__'),
        fc.string({ unit: 'binary' }),
        fc.string().map((s) => `${s}\udc00`),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.bigInt(),
        fc.date({ noInvalidDate: true }),
        fc.uint8Array(),
        fc.array(tie('value')),
        fc.array(tie('value')).map((items) => new Set(items)),
        fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
        fc.array(fc.tuple(key, tie('value'))).map((entries) => Object.fromEntries(entries)),
      ),
    }))
    fc.assert(
      fc.property(value, (one) => {
        expect(isDeepStrictEqual(roundTrip(one), one)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })
})

const key = fc.oneof(
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', '0', ''),
  fc
    .tuple(fc.constantFrom('$', '$$', '$$$'), fc.constantFrom('', 'bytes', 'date', 'map', 'undefined', 'x'))
    .map((parts) => parts.join('')),
)

describe('errors', () => {
  const classes = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]
  it.each(classes)('of a built-in class come back in it: %o', (ErrorClass) => {
    const error = new ErrorClass('no', { cause: { n: 1n } })
    const back = roundTrip(error) as Error
    expect(Object.getPrototypeOf(back)).toBe(ErrorClass.prototype)
    expect(Object.keys(back)).toEqual([])
    expect(back).toMatchObject({ name: error.name, message: 'no', stack: error.stack, cause: { n: 1n } })
  })

  it('that aggregate others', () => {
    const error = new AggregateError([new TypeError('a'), 1n], 'all')
    const back = roundTrip(error) as AggregateError
    expect(Object.getPrototypeOf(back)).toBe(AggregateError.prototype)
    expect(back.message).toBe('all')
    expect(back.errors[0]).toBeInstanceOf(TypeError)
    expect(back.errors[1]).toBe(1n)
    expect(Object.keys(back)).toEqual([])
    Object.assign(error, { errors: 'replaced' })
    expect((roundTrip(error) as AggregateError).errors).toEqual([])
  })

  it('of other classes come back as Error with their name and properties', () => {
    class Refused extends Error {
      override readonly name = 'Refused'
      readonly code = 7n
      readonly $tag = undefined
    }
    const error = Object.assign(new Refused('no'), ownPair())
    const back = roundTrip(error) as Refused
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype)
    expect(back.name).toBe('Refused')
    expect(Object.keys(back)).toEqual(['code', '$tag'])
    expect(back.code).toBe(7n)
    expect(back.cause).toBeUndefined()
  })

  it('keep a property named __proto__, a cause of undefined, and the absence of a stack', () => {
    const error = new Error('no', { cause: undefined })
    delete error.stack
    Object.defineProperty(error, '__proto__', { value: 1, enumerable: true })
    expect(text(error)).toBe(
      '{"$error":{"name":"Error","message":"no","cause":{"$undefined":true},"props":{"__proto__":1}}}',
    )
    const back = roundTrip(error) as Error
    expect(back).toBeInstanceOf(Error)
    expect(back.stack).toBeUndefined()
    expect(Object.hasOwn(back, 'cause')).toBe(true)
    expect(Object.keys(back)).toEqual(['__proto__'])
  })

  it('leave out a stack that is not text, and what the runtime hides', () => {
    const error = Object.defineProperties(new Error('no'), {
      stack: { value: ['frame'] },
      hidden: { value: () => 1 },
      [Symbol('hidden')]: { value: () => 1 },
    })
    expect(text(error)).toBe('{"$error":{"name":"Error","message":"no"}}')
  })
})

/** Something enumerable that has a field of its own in the form. */
function ownPair(): object {
  return { message: 'replaced' }
}

class Point {
  readonly x: number
  constructor(x: number) {
    this.x = x
  }
}

describe('custom codecs', () => {
  const point: CustomCodec = {
    tag: 'point-1',
    is: (value) => value instanceof Point,
    encode: (value) => ({ x: (value as Point).x, $at: new Date(0) }),
    decode: (plain) => new Point((plain as Point).x),
  }
  const pointed = createPayloadCodec([point])

  it('store their class under their tag', () => {
    const encoded = pointed.encode([new Point(2)], 'data').text
    expect(encoded).toBe('[{"$point-1":{"x":2,"$$at":{"$date":"1970-01-01T00:00:00.000Z"}}}]')
    expect(pointed.decode(parse(encoded))).toEqual([new Point(2)])
    expect(() => codec.decode(parse(encoded))).toThrow(expect.objectContaining({ code: 'UNKNOWN_TAG' }))
  })

  it('come before the built-in classes, and leave the rest to them', () => {
    class Refused extends Error {}
    const refused: CustomCodec = {
      tag: 'refused',
      is: (value) => value instanceof Refused,
      encode: (value) => (value as Refused).message,
      decode: (plain) => new Refused(plain as string),
    }
    const both = createPayloadCodec([refused, point])
    const encoded = both.encode([new Refused('no'), new Set([new Point(1)])], 'data').text
    expect(encoded).toBe(
      '[{"$refused":"no"},{"$set":[{"$point-1":{"x":1,"$$at":{"$date":"1970-01-01T00:00:00.000Z"}}}]}]',
    )
    const [error, points] = both.decode(parse(encoded)) as [Refused, Set<Point>]
    expect(error).toBeInstanceOf(Refused)
    expect(error.message).toBe('no')
    expect([...points]).toEqual([new Point(1)])
  })

  it('give what can be stored', () => {
    const bad = createPayloadCodec([{ ...point, encode: () => ({ f: () => 1 }) }])
    expect(() => bad.encode({ p: new Point(1) }, 'data')).toThrow(
      expect.objectContaining({ code: 'NOT_STORABLE', details: { path: 'data.p.$point-1.f' } }),
    )
  })

  it('that never end are stopped', () => {
    const endless = createPayloadCodec([{ ...point, encode: () => new Point(1) }])
    expect(() => endless.encode(new Point(1), 'data')).toThrow(expect.objectContaining({ code: 'TOO_DEEP' }))
    const circular = createPayloadCodec([{ ...point, encode: (value) => value }])
    expect(() => circular.encode(new Point(1), 'data')).toThrow(expect.objectContaining({ code: 'NOT_STORABLE' }))
  })

  it('that throw are named, with the cause', () => {
    const cause = new Error('broken')
    const fail = () => {
      throw cause
    }
    const failing = createPayloadCodec([{ ...point, encode: fail, decode: fail }])
    expect(() => failing.encode([new Point(1)], 'data')).toThrow(
      expect.objectContaining({ code: 'NOT_STORABLE', cause, details: { path: 'data[0]' } }),
    )
    expect(() => failing.decode({ '$point-1': 1 })).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_TAG', cause, details: { tag: 'point-1' } }),
    )
  })

  it.each(['', 'Point', '1a', '$a', 'a b', 'bytes', 'blob', 'undefined'])('cannot have the tag %j', (tag) => {
    expect(() => createPayloadCodec([{ ...point, tag }])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('cannot share a tag', () => {
    expect(() => createPayloadCodec([point, point])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('needsDecode', () => {
  it('is true wherever there is a form or an escape', () => {
    expect(needsDecode(text({ a: [1n] }))).toBe(true)
    expect(needsDecode(text({ $a: 1 }))).toBe(true)
    expect(needsDecode(text({ a: 'costs $5', b: -0 }))).toBe(false)
  })
})
