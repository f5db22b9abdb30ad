// Lines: what is written is read again, and nothing else passes for a line.

import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  bodySum,
  checkLine,
  controlBody,
  encodeEventTail,
  eventBody,
  hex8,
  type Join,
  lineBytesMax,
  lineEnd,
  lineHasMore,
  lineKind,
  parseControlLine,
  parseEventLine,
  parseEventText,
  relink,
  tailBytes,
  writeLine,
} from './record.ts'

const place = { position: 7, stream: 'notes/ü', seq: 3, time: 1_700_000_000_000 }
const tail = encodeEventTail({ type: 'note.added', version: 2, data: '{"a":1}', meta: '"m"', blobs: ['b1'] })
const body = eventBody(place, tail, false)

function lineOf(text: string, link: number = 0xabcdef01, join: Join = 'link'): Buffer {
  const bytes = Buffer.alloc(lineBytesMax(text))
  return bytes.subarray(0, writeLine(bytes, 0, text, link, join).end)
}

describe('a line', () => {
  it('is its body, the sum of it, and the sum of the line before', () => {
    const sum = hex8(crc32(body))
    expect(lineOf(body).toString()).toBe(`${body},"sum":"${sum}","link":"abcdef01"}\n`)
    expect(lineOf(body, 0x0a, 'sync').toString()).toBe(`${body},"sum":"${sum}","sync":"0000000a"}\n`)
    expect(hex8(bodySum(body))).toBe(sum)
    expect([hex8(-1), hex8(0), hex8(0x0a00_0b0c)]).toEqual(['ffffffff', '00000000', '0a000b0c'])
  })

  it('is checked alone, and says what it is linked to', () => {
    for (const join of ['link', 'sync'] as const) {
      const line = lineOf(body, 0xfedcba98, join)
      expect(checkLine(line, 0, line.length - 1)).toEqual({ sum: crc32(body), link: 0xfedcba98, join })
    }
  })

  it('can stand anywhere in a buffer', () => {
    const before = lineOf(controlBody({ control: 'witness', time: 5 }, false))
    const both = Buffer.concat([before, lineOf(body)])
    const start = lineEnd(both, 0) + 1
    expect(start).toBe(before.length)
    expect(lineEnd(both, start)).toBe(both.length - 1)
    expect(checkLine(both, start, both.length - 1)?.sum).toBe(crc32(body))
    expect(lineEnd(both, both.length)).toBe(-1)
  })

  it('gets another predecessor without a change of its sum; it is then merely linked', () => {
    const line = lineOf(body, 1, 'sync')
    relink(line, line.length - 1, 0x12345678)
    expect(line).toEqual(lineOf(body, 0x12345678, 'link'))
  })

  it('is none when any of its bits is another, nor in upper case', () => {
    for (const join of ['link', 'sync'] as const) {
      const line = lineOf(body, 0xabcdef01, join)
      const end = line.length - 1
      for (let bit = 0; bit < end * 8; bit++) {
        const changed = Buffer.from(line)
        const at = bit >> 3
        changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7))
        const checked = checkLine(changed, 0, end)
        // The link itself is checked against the line before: it may say another number, and then doesn't fit there.
        if (checked !== undefined) expect({ at, link: checked.link }).not.toEqual({ at, link: 0xabcdef01 })
        if (at < end - 10) expect(checked, `bit ${bit}`).toBeUndefined()
      }
      expect(checkLine(Buffer.from(line.toString().replace('abcdef01', 'ABCDEF01')), 0, end)).toBeUndefined()
    }
  })

  it('is none without a body', () => {
    const bare = lineOf('{').subarray(1)
    expect(bare.length).toBe(tailBytes + 1)
    expect(checkLine(bare, 0, bare.length - 1)).toBeUndefined()
    expect(checkLine(lineOf('{'), 0, tailBytes + 1)).toBeDefined()
    expect(checkLine(Buffer.alloc(10), 0, 9)).toBeUndefined()
  })

  it('has a kind by its first key', () => {
    expect(lineKind(lineOf(body), 0)).toBe('event')
    expect(lineKind(lineOf('{"control":"witness"'), 0)).toBe('control')
    expect(lineKind(lineOf('{"holdfast":1'), 0)).toBe('header')
    expect(lineKind(lineOf('{"x":1'), 0)).toBeUndefined()
  })

  it('says whether its batch goes on', () => {
    const more = lineOf(eventBody(place, tail, true))
    expect(lineHasMore(more, 0, more.length - 1)).toBe(true)
    const last = lineOf(body)
    expect(lineHasMore(last, 0, last.length - 1)).toBe(false)
    const short = lineOf('{"a":1')
    expect(lineHasMore(short, 0, short.length - 1)).toBe(false)
    // A payload that ends alike is none: the event's own closing brace stands behind it.
    const alike = lineOf(
      eventBody(place, encodeEventTail({ type: 't', version: 1, data: '{"a":1,"more":true}' }), false),
    )
    expect(lineHasMore(alike, 0, alike.length - 1)).toBe(false)
  })
})

describe('an event', () => {
  const whole = {
    position: 7,
    stream: 'notes/ü',
    seq: 3,
    time: 1_700_000_000_000,
    type: 'note.added',
    version: 2,
    data: { a: 1 },
    meta: 'm',
    blobs: ['b1'],
    sum: hex8(crc32(body)),
    tagged: false,
    more: false,
  }

  it('comes back from its line, with its text on demand', () => {
    const line = lineOf(body).toString().trimEnd()
    expect(parseEventLine(line, false)).toEqual(whole)
    expect(parseEventLine(line, true)).toEqual({ ...whole, text: `${body}}` })
  })

  it('comes back from its text as from its line', () => {
    expect(parseEventText(`${body}}`, whole.sum)).toEqual({ ...whole, text: `${body}}` })
  })

  it('leaves out what says nothing', () => {
    expect(encodeEventTail({ type: 't', version: 1, data: '1', blobs: [] })).toBe(',"type":"t","data":1')
    const line = lineOf(eventBody(place, encodeEventTail({ type: 't', version: 1, data: '1' }), true)).toString()
    expect(parseEventLine(line, false)).toMatchObject({ version: 1, blobs: [], meta: undefined, data: 1, more: true })
  })

  it('is tagged when its payload may hold a tagged form', () => {
    const line = lineOf(eventBody(place, encodeEventTail({ type: 't', version: 1, data: '{"$":"bytes"}' }), false))
    expect(parseEventLine(line.toString(), false).tagged).toBe(true)
  })
})

describe('a control record', () => {
  it('comes back without what belongs to its line', () => {
    const control = { control: 'forget', before: 5 } as const
    for (const join of ['link', 'sync'] as const) {
      expect(parseControlLine(lineOf(controlBody(control, false), 1, join).toString().trimEnd())).toEqual({
        control,
        more: false,
      })
      expect(parseControlLine(lineOf(controlBody(control, true), 1, join).toString().trimEnd())).toEqual({
        control,
        more: true,
      })
    }
  })
})
