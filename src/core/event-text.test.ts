import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EventPlaceAndType, eventInText } from './event-text.ts'
import { encodeEventTail, eventBody, parseEventText } from './record.ts'

const sum = '0123abcd'
const names = (plain: string) =>
  fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constantFrom(plain, 'ü"\\', 'a', 'aa', '\\u0061'))
const events = fc.record({
  position: fc.nat(),
  stream: names('notes/42'),
  seq: fc.nat(),
  time: fc.maxSafeNat(),
  type: names('note.added'),
  version: fc.integer({ min: 1, max: 2 }),
  blobs: fc.constantFrom([], [], ['ab'.repeat(32)]),
  data: fc.oneof(fc.json(), fc.constantFrom('true', '{"more":true}', '"e,\\"meta\\":1"', '{"$$a":1}')),
  meta: fc.oneof(fc.constant(undefined), fc.json(), fc.constant('true')),
  more: fc.boolean(),
})

/** What parsing the whole text gives, where it is the event of this place. */
function parsed(text: string, place: EventPlaceAndType): unknown {
  try {
    const event = parseEventText(text, sum, false)
    const isThere = (['position', 'stream', 'seq', 'time', 'type'] as const).every((key) => event[key] === place[key])
    return isThere ? event : undefined
  } catch (error) {
    return (error as { readonly code?: string }).code
  }
}

function found(text: string, place: EventPlaceAndType): unknown {
  try {
    return eventInText(text, place, sum)
  } catch (error) {
    return (error as { readonly code?: string }).code
  }
}

describe('an event in a text', () => {
  it('is what parsing the whole text gives, and only the one of its place', () => {
    fc.assert(
      fc.property(fc.array(events, { minLength: 1, maxLength: 4 }), (several) => {
        for (const event of several) {
          const { meta, ...rest } = event
          const tail = encodeEventTail(meta === undefined ? rest : { ...rest, meta })
          const text = `${eventBody(event, tail, event.more)}}`
          expect(parsed(text, event)).toMatchObject({ position: event.position, more: event.more })
          expect(found(text, event)).toEqual(parsed(text, event))
          for (const key of ['position', 'seq', 'time'] as const) {
            expect(found(text, { ...event, [key]: event[key] + 1 })).toBeUndefined()
          }
          for (const key of ['stream', 'type'] as const) {
            expect(found(text, { ...event, [key]: `${event[key]}a` })).toBeUndefined()
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('with any character of it replaced is still what parsing gives', () => {
    const place = { position: 12, stream: 's', seq: 3, time: 45, type: 't' }
    const start = '{"position":12,"stream":"s","seq":3,"time":45,"type":"t"'
    let differing = 0
    for (const text of [`${start},"data":true,"more":true}`, `${start},"version":2,"data":{"a":1},"meta":5}`]) {
      for (let at = 0; at < text.length; at++) {
        for (const character of ['0', '2', 'e', '"', ',', ' ', '\n', '-', '.', '\\', '}', '']) {
          const changed = `${text.slice(0, at)}${character}${text.slice(at + 1)}`
          expect(found(changed, place), changed).toEqual(parsed(changed, place))
          if (found(changed, place) === undefined) differing++
        }
      }
    }
    expect(differing).toBeGreaterThan(0)
  })

  it.each(['007', '12.0', '1e1', '9007199254740993', '-12'])(
    'at a number written %s is what parsing gives',
    (number) => {
      for (const position of [7, 12, 10, 9_007_199_254_740_992, -12]) {
        const place = { position, stream: 's', seq: 3, time: 45, type: 't' }
        const text = `{"position":${number},"stream":"s","seq":3,"time":45,"type":"t","data":1}`
        expect(found(text, place), `${position}`).toEqual(parsed(text, place))
      }
    },
  )

  it('among more names than are kept', () => {
    for (let n = 0; n < 9_000; n++) {
      const place = { position: 1, stream: `s${n}`, seq: 1, time: 1, type: 't' }
      const text = `{"position":1,"stream":"s${n}","seq":1,"time":1,"type":"t","data":${n}}`
      expect(eventInText(text, place, sum)?.data).toBe(n)
    }
  })
})
