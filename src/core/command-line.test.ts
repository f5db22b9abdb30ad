import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandStart } from './command-line.ts'
import type { CommandControl } from './control.ts'
import { controlBody, parseControlLine, writeLine } from './record.ts'

const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme-ascii' }),
  fc.constantFrom('order/42', 'ü', '"', '\\', '\u007f', '\u2028', ']],["', '","time":1,"x":"'),
)
const numbers = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 999_999_999_999_999, 1e21, 0.5, -1))
const place = fc.tuple(names, numbers, numbers)

const commands: fc.Arbitrary<CommandControl> = fc
  .record({
    id: names,
    time: numbers,
    digest: names,
    position: numbers,
    events: fc.array(place, { maxLength: 3 }),
    leases: fc.constantFrom(undefined, undefined, [], [['lease', 1, 2]] as const),
  })
  .map(({ leases, ...rest }) => ({ control: 'command', ...rest, ...(leases === undefined ? {} : { leases }) }))

/** Somewhere in a buffer. */
function lineOf(body: string) {
  const buffer = Buffer.alloc(3 * body.length + 100)
  const { end } = writeLine(buffer, 7, body, 0, 'link')
  return { buffer, from: 7, end: end - 1 }
}

/** What it gives is what parsing gives, and in the one form in which that is written. */
function mustBeParsed({ buffer, from, end }: ReturnType<typeof lineOf>): boolean {
  const found = commandStart(buffer, from, end)
  if (found === undefined) return false
  const { control } = parseControlLine(buffer.toString('utf8', from, end))
  expect(control).toMatchObject({ control: 'command', id: found.id, time: found.time })
  expect(JSON.parse(found.text)).toEqual(control)
  expect(found.text).toBe(JSON.stringify(control))
  return true
}

describe('the record of a command', () => {
  it('is read as parsing the line gives it, or left to be parsed', () => {
    fc.assert(
      fc.property(commands, fc.boolean(), (command, more) => void mustBeParsed(lineOf(controlBody(command, more)))),
      { numRuns: 1_000 },
    )
  })

  const plain = { control: 'command', id: 'pay/7', time: 45, digest: 'ab01', position: 12 } as const
  const usual: readonly CommandControl[] = [
    { ...plain, events: [] },
    { ...plain, events: [['s', 3, 12]] },
    {
      ...plain,
      events: [
        ['s', 3, 11],
        ['agent/1', 0, 12],
      ],
    },
  ]

  it.each(usual)('as releases write it needs no parsing: %j', (command) => {
    for (const more of [false, true]) expect(mustBeParsed(lineOf(controlBody(command, more)))).toBe(true)
  })

  it('with any byte of it replaced, left out or added is still what parsing gives, and damage is left to be told', () => {
    let read = 0
    for (const command of usual) {
      const body = controlBody(command, true)
      for (let at = 0; at < body.length; at++) {
        for (const byte of ['0', '7', 'e', '"', ',', ' ', '\n', '-', '\\', '}', ']', '[', ':', 'é', '']) {
          const bodies = [
            `${body.slice(0, at)}${byte}${body.slice(at + 1)}`,
            `${body.slice(0, at)}${byte}${body.slice(at)}`,
          ]
          for (const changed of bodies) if (mustBeParsed(lineOf(changed))) read++
        }
      }
    }
    expect(read).toBeGreaterThan(0)
  })

  it.each(['007', '9007199254740993', '1e3', '-0', '1.0'])('whose numbers are not plain is parsed: %s', (number) => {
    for (const at of ['time', 'position', 'seq', 'of event']) {
      const [time, position, seq, event] = ['time', 'position', 'seq', 'of event'].map((key) =>
        key === at ? number : 1,
      )
      const body = `{"control":"command","id":"i","time":${time},"digest":"d","position":${position}`
      expect(mustBeParsed(lineOf(`${body},"events":[["s",${seq},${event}]]`))).toBe(false)
    }
  })

  it('that says something twice, or something more, is parsed', () => {
    const body = controlBody(usual[1] as CommandControl, false)
    for (const more of [',"id":"other"', ',"leases":[]', ',"more":true,"more":true', ',"x":1'])
      expect(mustBeParsed(lineOf(body + more))).toBe(false)
  })

  it('of a long batch is parsed, and another record is not taken for one', () => {
    const events = Array.from({ length: 1_000 }, (_, index) => ['s', index, index] as const)
    for (const control of [
      { ...plain, events },
      { control: 'witness', time: 5 },
    ] as const)
      expect(mustBeParsed(lineOf(controlBody(control, false)))).toBe(false)
    for (const body of ['{"c":1', '{"control":"comet","id":"x"']) expect(mustBeParsed(lineOf(body))).toBe(false)
  })
})
