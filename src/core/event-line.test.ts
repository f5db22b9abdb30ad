import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventIn, eventStart } from './event-line.ts'
import { encodeEventTail, eventBody, parseEventLine, writeLine } from './record.ts'

const digest = 'ab'.repeat(32)
const names = (plain: string) =>
  fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constantFrom(plain, 'ü"\\', 'ü', 'a', 'b', 'aa'))

const events = fc.record({
  position: fc.nat(),
  stream: names('notes/42'),
  seq: fc.nat(),
  time: fc.maxSafeNat(),
  type: names('note.added'),
  version: fc.integer({ min: 1, max: 3 }),
  blobs: fc.constantFrom([], [], [digest], [digest, digest]),
  data: fc.oneof(fc.json(), fc.constantFrom('true', '"e,\\"meta\\":1"', '{"$$a":1}', '"$"', '{",\\"meta\\":":true}')),
  meta: fc.oneof(fc.constant(undefined), fc.json()),
  more: fc.boolean(),
})

/** The line of an event, somewhere in a buffer. */
function lineOf(event: typeof events extends fc.Arbitrary<infer Event> ? Event : never) {
  const buffer = Buffer.alloc(100_000)
  const { meta, ...rest } = event
  const tail = encodeEventTail(meta === undefined ? rest : { ...rest, meta })
  const { end } = writeLine(buffer, 7, eventBody(event, tail, event.more), 0, 'link')
  return { buffer, start: 7, end: end - 1 }
}

/** What it gives, or the code of what it throws. */
function outcomeOf(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return (error as { readonly code?: string }).code
  }
}

function handMade(text: string) {
  const buffer = Buffer.alloc(300)
  const { end } = writeLine(buffer, 0, text, 0, 'link')
  return { buffer, end: end - 1 }
}

describe('the start of an event', () => {
  it('is read as parsing the whole line would give it', () => {
    fc.assert(
      fc.property(events, (event) => {
        const { buffer, start, end } = lineOf(event)
        const { position, stream, seq, time, type, blobs } = parseEventLine(buffer.toString('utf8', start, end), false)
        expect(eventStart(buffer, start, end)).toEqual({ position, stream, seq, time, type, blobs })
      }),
    )
  })
  it('of a line that no release wrote is what parsing gives, even where the line ends early', () => {
    const { buffer, end } = handMade('{"position":1')
    expect(eventStart(buffer, 0, end)).toEqual({ position: 1, blobs: [] })
  })
})

describe('an event', () => {
  it('is read as parsing the whole line would give it', () => {
    fc.assert(
      fc.property(fc.array(events, { minLength: 1, maxLength: 4 }), fc.boolean(), (several, withText) => {
        for (const event of several) {
          const { buffer, start, end } = lineOf(event)
          const expected = parseEventLine(buffer.toString('utf8', start, end), withText)
          expect(eventIn(buffer, start, end, withText)).toEqual(expected)
        }
      }),
      { numRuns: 500 },
    )
  })
  it('with any byte of it replaced, and sums that are right, is still what parsing gives', () => {
    const bodies = [
      '{"position":12,"stream":"s","seq":3,"time":45,"type":"t","data":true,"more":true',
      '{"position":12,"stream":"s","seq":3,"time":45,"type":"t","version":2,"data":{"a":1}',
    ]
    for (const body of bodies) {
      for (let at = 0; at < body.length; at++) {
        for (const byte of ['0', '7', 'e', '"', ',', ' ', '\n', '-', '\\', '}']) {
          const { buffer, end } = handMade(`${body.slice(0, at)}${byte}${body.slice(at + 1)}`)
          const text = buffer.toString('utf8', 0, end)
          const where = `${byte} at ${at} of ${body}`
          const parsed = outcomeOf(() => parseEventLine(text, false))
          expect(
            outcomeOf(() => eventIn(buffer, 0, end, false)),
            where,
          ).toEqual(parsed)
          if (parsed === 'DAMAGED') continue // the start of a line can be read although its rest can't
          const { position, stream, seq, time, type, blobs } = parsed as ReturnType<typeof parseEventLine>
          expect(eventStart(buffer, 0, end), where).toEqual({ position, stream, seq, time, type, blobs })
        }
      }
    }
  })
  it.each(['position', 'seq', 'time', 'version'])(
    'whose %s has more digits than count is what parsing gives',
    (key) => {
      for (const number of [
        '999999999999999',
        '9007199254740993',
        '19752842734879731',
        '18753880213837194',
        '007',
        '0',
      ]) {
        const fields = { position: '1', stream: '"s"', seq: '1', time: '1', type: '"t"', version: '2', [key]: number }
        const body = Object.entries(fields).map(([name, value]) => `"${name}":${value}`)
        const { buffer, end } = handMade(`{${body.join(',')},"data":1`)
        const parsed = outcomeOf(() => parseEventLine(buffer.toString('utf8', 0, end), false))
        expect(
          outcomeOf(() => eventIn(buffer, 0, end, false)),
          number,
        ).toEqual(parsed)
      }
    },
  )
  it('with and without meta, in turns', () => {
    const plain = { position: 3, stream: 's', seq: 2, time: 1, type: 't', version: 1, blobs: [] as const, more: false }
    for (const meta of [undefined, '1', '1', undefined, undefined, '1']) {
      const { buffer, start, end } = lineOf({ ...plain, data: '{"a":1}', meta })
      const { data, meta: found } = eventIn(buffer, start, end, false)
      expect({ data, found }).toEqual({ data: { a: 1 }, found: meta === undefined ? undefined : 1 })
    }
  })
  it('that no release wrote is what parsing gives, or the damage that it is', () => {
    const { buffer, end } = handMade('{"position":1,"stream":"s","seq":1,"time":1,"type":"t","data":1,"type":"u"')
    expect(eventIn(buffer, 0, end, false)).toMatchObject({ data: 1, type: 'u' })
    const broken = handMade('{"position":1,"stream":"s","seq":1,"time":1,"type":"t","data":{')
    expect(() => eventIn(broken.buffer, 0, broken.end, false)).toThrow(expect.objectContaining({ code: 'DAMAGED' }))
  })
})
