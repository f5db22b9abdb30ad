import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BatchContent, digestBatch } from './digest.ts'

const event = { stream: 's', type: 't', version: 1, data: '{"a":1}' }

describe('digestBatch', () => {
  it('keeps its form for ever', () => {
    expect(digestBatch({ events: [] })).toBe('be8a1bbaee025d5501a33340bd5d4e547d41835268267e671efcd939c6856fe3')
    expect(
      digestBatch({
        events: [{ ...event, meta: '{"b":-0,"a":[null,true,"\\ud800"]}', blobs: ['bb', 'aa'] }],
        agenda: [
          { id: 'x', due: 5, data: '1' },
          { id: 'y', due: null },
        ],
        leases: [{ lease: 'l', op: 'acquire', owner: 'o', ttlMs: 9 }],
        pins: [{ pin: 'p', from: null }],
        releases: [{ stream: 's', through: 3 }],
      }),
    ).toBe('7befa23c8043bd546ed0557068877e77a76c85ff374878302c829c5de10b0b68')
  })

  it('does not depend on the order of keys, nor of blobs', () => {
    const one: BatchContent = {
      events: [
        { ...event, data: '{"a":{"x":1,"y":[{"p":1,"q":2}]},"__proto__":3}', meta: '{"m":1,"n":2}', blobs: ['a', 'b'] },
      ],
      leases: [{ lease: 'l', op: 'renew', token: 1, ttlMs: 2 }],
    }
    const other: BatchContent = {
      leases: [{ ttlMs: 2, token: 1, op: 'renew', lease: 'l' }],
      events: [
        {
          blobs: ['b', 'a'],
          meta: '{"n":2,"m":1}',
          data: '{"__proto__":3,"a":{"y":[{"q":2,"p":1}],"x":1}}',
          version: 1,
          type: 't',
          stream: 's',
        },
      ],
    }
    expect(digestBatch(one)).toBe(digestBatch(other))
  })

  it('takes an absent list for an empty one', () => {
    expect(digestBatch({ events: [event] })).toBe(
      digestBatch({ events: [{ ...event, blobs: [] }], agenda: [], leases: [], pins: [], releases: [] }),
    )
  })

  it('does not see conditions', () => {
    const batch = {
      events: [event],
      expect: new Map([['s', 1]]),
      fences: [{ lease: 'l', token: 1 }],
      durability: 'eventual',
    } as const
    expect(digestBatch(batch)).toBe(digestBatch({ events: [event] }))
  })

  it('differs for any other difference', () => {
    const batches: readonly BatchContent[] = [
      { events: [] },
      { events: [event] },
      { events: [event, event] },
      { events: [{ ...event, stream: 's2' }] },
      { events: [{ ...event, type: 't2' }] },
      { events: [{ ...event, stream: 's","t', type: '' }] },
      { events: [{ ...event, version: 2 }] },
      { events: [{ ...event, data: '{"a":2}' }] },
      { events: [{ ...event, data: '{"a":"1"}' }] },
      { events: [{ ...event, data: '{"a":0}' }] },
      { events: [{ ...event, data: '{"a":-0}' }] },
      { events: [{ ...event, data: '[1,2]' }] },
      { events: [{ ...event, data: '[2,1]' }] },
      { events: [{ ...event, data: '[]' }] },
      { events: [{ ...event, data: '{}' }] },
      { events: [{ ...event, data: '{"__proto__":1}' }] },
      { events: [{ ...event, meta: 'null' }] },
      { events: [{ ...event, meta: '{"a":1}' }] },
      { events: [{ ...event, blobs: ['a'] }] },
      { events: [event], agenda: [{ id: 'a', due: 1 }] },
      { events: [event], agenda: [{ id: 'a', due: 2 }] },
      { events: [event], agenda: [{ id: 'a', due: null }] },
      { events: [event], agenda: [{ id: 'a', due: 1, data: 'null' }] },
      { events: [event], leases: [{ lease: 'a', op: 'acquire', owner: 'o', ttlMs: 1 }] },
      { events: [event], leases: [{ lease: 'a', op: 'acquire', owner: 'p', ttlMs: 1 }] },
      { events: [event], leases: [{ lease: 'a', op: 'renew', token: 1, ttlMs: 1 }] },
      { events: [event], leases: [{ lease: 'a', op: 'release', token: 1 }] },
      { events: [event], pins: [{ pin: 'a', from: 1 }] },
      { events: [event], pins: [{ pin: 'a', from: null }] },
      { events: [event], pins: [{ pin: 'a', from: 1, stream: 's' }] },
      { events: [event], pins: [{ pin: 'a', from: 1, ttlMs: 1 }] },
      { events: [event], releases: [{ stream: 's' }] },
      { events: [event], releases: [{ stream: 's', through: 1 }] },
    ]
    expect(new Set(batches.map(digestBatch)).size).toBe(batches.length)
  })

  it('is equal for equal JSON in any key order, and for no other', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const digest = (data: string) => digestBatch({ events: [{ ...event, data }] })
        const shuffled = JSON.stringify(one, (_, value: unknown) => reversed(value))
        expect(digest(shuffled)).toBe(digest(JSON.stringify(one)))
        const equal =
          JSON.stringify(one, (_, v: unknown) => sorted(v)) === JSON.stringify(other, (_, v: unknown) => sorted(v))
        expect(digest(JSON.stringify(one)) === digest(JSON.stringify(other))).toBe(equal)
      }),
    )
  })
})

function reversed(value: unknown): unknown {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).reverse()) : value
}

function sorted(value: unknown): unknown {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
