import { describe, expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { createPayloadCodec } from './payload.ts'

const codec = createPayloadCodec()
const parse = (json: string): unknown => JSON.parse(json)
const digest = 'ab'.repeat(32)

describe('depth', () => {
  it('is bounded when decoding, too', () => {
    const deep = (depth: number) => parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
    expect(() => codec.decode(deep(limits.depthMax * 3 + 1))).not.toThrow()
    expect(() => codec.decode(deep(limits.depthMax * 3 + 2))).toThrow(expect.objectContaining({ code: 'TOO_DEEP' }))
    expect(() => codec.decode(deep(100_000))).toThrow(expect.objectContaining({ code: 'TOO_DEEP' }))
    expect(() => codec.decode(parse(`${'{"$set":['.repeat(50_000)}${']}'.repeat(50_000)}`))).toThrow(
      expect.objectContaining({ code: 'TOO_DEEP' }),
    )
  })
})

describe('forms that no encoder wrote', () => {
  it.each([
    '{"$money":1}',
    '{"$":1}',
    '{"$Bytes":""}',
    '{"$constructor":1}',
    '{"$date":"1970-01-01T00:00:00.000Z","more":1}',
    '{"more":1,"$undefined":true}',
    '{"$undefined":true,"$date":"1970-01-01T00:00:00.000Z"}',
    '{"$undefined":false}',
    '{"$bigint":1}',
    '{"$bigint":"1.5"}',
    '{"$bigint":"-0"}',
    '{"$bigint":"0x10"}',
    '{"$date":0}',
    '{"$date":"never"}',
    '{"$date":"1970"}',
    '{"$bytes":1}',
    '{"$bytes":"AA"}',
    '{"$bytes":"A A="}',
    '{"$map":{}}',
    '{"$map":[1]}',
    '{"$map":[[1]]}',
    '{"$map":[[1,2,3]]}',
    '{"$set":{}}',
    '{"$blob":"00","bytes":1}',
    `{"$blob":"${digest}"}`,
    `{"$blob":"${digest}","bytes":-1}`,
    `{"$blob":"${digest}","bytes":1.5}`,
    `{"$blob":"${digest}","size":1}`,
    '{"$error":1}',
    '{"$error":null}',
    '{"$error":[]}',
    '{"$error":{"name":"Error"}}',
    '{"$error":{"name":1,"message":""}}',
    '{"$error":{"name":"","message":"","stack":1}}',
    '{"$error":{"name":"","message":"","errors":1}}',
    '{"$error":{"name":"","message":"","props":1}}',
    '{"$error":{"name":"","message":"","props":[]}}',
  ])('%s is refused, at any depth', (json) => {
    for (const whole of [json, `[1,{"a":${json}}]`, `{"$set":[${json}]}`]) {
      expect(() => codec.decode(parse(whole))).toThrow(expect.objectContaining({ code: 'UNKNOWN_TAG' }))
    }
  })

  it('are named', () => {
    expect(() => codec.decode({ $money: 1 })).toThrow(expect.objectContaining({ details: { tag: 'money' } }))
  })

  it('harm nothing when only their content is odd', () => {
    const back = codec.decode(
      parse('{"$error":{"name":"AggregateError","message":"m","props":{"$date":"1970-01-01T00:00:00.000Z"}}}'),
    )
    expect(back).toBeInstanceOf(AggregateError)
    expect((back as AggregateError).errors).toEqual([])
  })
})
