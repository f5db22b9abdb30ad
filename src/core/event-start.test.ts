import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventStart } from './event-start.ts'
import { encodeEventTail, eventBody, parseEventLine, writeLine } from './record.ts'

const digest = 'ab'.repeat(32)

describe('the start of an event', () => {
  it('is read as parsing the whole line would give it', () => {
    const events = fc.record({
      position: fc.nat(),
      stream: fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constant('notes/42'), fc.constant('ü"\\')),
      seq: fc.nat(),
      time: fc.maxSafeNat(),
      type: fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constant('note.added')),
      version: fc.integer({ min: 1, max: 3 }),
      blobs: fc.constantFrom([], [digest], [digest, digest]),
      data: fc.json(),
      more: fc.boolean(),
    })
    fc.assert(
      fc.property(events, (event) => {
        const buffer = Buffer.alloc(100_000)
        const { end } = writeLine(buffer, 7, eventBody(event, encodeEventTail(event), event.more), 0, 'link')
        const { position, stream, seq, time, blobs } = parseEventLine(buffer.toString('utf8', 7, end - 1), false)
        expect(eventStart(buffer, 7, end - 1)).toEqual({ position, stream, seq, time, blobs })
      }),
    )
  })
  it('of a line that no release wrote is what parsing gives, even where the line ends early', () => {
    const buffer = Buffer.alloc(200)
    const { end } = writeLine(buffer, 0, '{"position":1', 0, 'link')
    expect(eventStart(buffer, 0, end - 1)).toEqual({ position: 1, blobs: [] })
  })
})
