import { describe, expect, it } from 'vitest'
import { Holds } from './holds.ts'

const event = (stream: string, seq: number, position: number) => ({ stream, seq, position })

describe('holds', () => {
  const holds = new Holds([
    { pin: 'hard', stream: 'a', from: 3, until: undefined },
    { pin: 'soft', stream: 'a', from: 2, until: 10 },
    { pin: 'wide', stream: undefined, from: 8, until: 10 },
  ])

  it.each([
    [event('a', 1, 1), [], false],
    [event('a', 2, 2), ['soft'], false],
    [event('a', 3, 3), ['hard', 'soft'], true],
    [event('b', 9, 7), [], false],
    [event('b', 10, 8), ['wide'], false],
    [event('a', 4, 9), ['hard', 'soft', 'wide'], true],
  ])('of %o are by %o', (one, names, hard) => {
    expect(
      holds
        .of(one)
        .map(({ pin }) => pin)
        .sort(),
    ).toEqual(names)
    expect(holds.namesOf([one])).toEqual(names)
    expect([holds.any(one), holds.hard(one)]).toEqual([names.length > 0, hard])
  })

  it('name each pin once', () => {
    expect(holds.namesOf([event('a', 3, 3), event('a', 4, 4)])).toEqual(['hard', 'soft'])
    expect(new Holds([]).namesOf([event('a', 1, 1)])).toEqual([])
  })
})
