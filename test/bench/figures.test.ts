// What the benchmark calculates from its measurements.

import { describe, expect, it } from 'vitest'
import { appending, machine, measure, places, targets } from './pure-parts.ts'

describe('the figures of several rounds', () => {
  it('have the middle one as their median, or the mean of the two in the middle', () => {
    expect(measure.spread([10, 9, 100])).toMatchObject({ median: 10, min: 9, max: 100 })
    expect(measure.spread([4, 1, 3, 2])).toMatchObject({ median: 2.5, min: 1, max: 4 })
  })

  it('are sorted as numbers', () => {
    expect(measure.spread([100, 20, 3]).median).toBe(20)
  })

  it('give a ratio and a difference within each round, not between medians', () => {
    expect(measure.ratio([10, 200, 30], [5, 20, 30]).values).toEqual([2, 10, 1])
    expect(measure.difference([10, 200, 30], [5, 20, 30])).toMatchObject({ median: 5, values: [5, 180, 0] })
  })

  it('give percentiles that were measured, the last of them the worst', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => 100 - at)
    expect(measure.percentile(hundred, 0.99)).toBe(99)
    expect(measure.percentile(hundred, 0.5)).toBe(50)
    expect(measure.percentile(hundred, 1)).toBe(100)
    expect(measure.percentile([7], 0.99)).toBe(7)
  })

  it('come from peers that take turns, another one first in each round', async () => {
    const order: string[] = []
    const rounds: number[] = []
    const figures = await measure.interleave(
      ['a', 'b', 'c'],
      2,
      async (peer, round) => order.push(`${peer}${round}`),
      (round) => rounds.push(round),
    )
    expect(order).toEqual(['a0', 'b0', 'c0', 'b1', 'c1', 'a1'])
    expect(rounds).toEqual([0, 1])
    expect(figures.get('a')).toEqual([1, 6])
  })
})

describe('the exponent of growth', () => {
  it.each([
    ['flat', 0],
    ['a root', 0.5],
    ['in proportion', 1],
    ['falling', -0.25],
  ])('is the power with which the cost grows: %s', (_what, power) => {
    const points = [1e4, 1e5, 1e6, 1e7].map((size): [number, number] => [size, 37 * size ** power])
    expect(measure.exponent(points)).toBeCloseTo(power, 9)
  })

  it('is the best fit where the points lie beside a line', () => {
    expect(
      measure.exponent([
        [1, 1],
        [10, 100],
        [100, 100],
      ]),
    ).toBeCloseTo(1, 9)
  })

  it('is not told of one size', () => {
    expect(measure.exponent([[1e4, 3]])).toBeUndefined()
    expect(
      measure.exponent([
        [1e4, 3],
        [1e4, 4],
      ]),
    ).toBeUndefined()
    expect(
      measure.exponent([
        [1e4, 3],
        [1e5, 0],
      ]),
    ).toBeUndefined()
  })
})

describe('a target', () => {
  it('is met at its bound', () => {
    expect([targets.atLeast('a', 2, 2).isMet, targets.atLeast('a', 1.99, 2).isMet]).toEqual([true, false])
    expect([targets.atMost('a', 2, 2).isMet, targets.atMost('a', 2.01, 2).isMet]).toEqual([true, false])
  })
})

describe('the file system of a directory', () => {
  const mounts = [
    '22 1 254:0 / / rw - ext4 /dev/vda rw',
    '23 22 0:20 / /tmp rw,nosuid shared:2 - tmpfs tmpfs rw',
    '24 22 0:21 / /mnt/my\\040disk rw - xfs /dev/vdb rw',
    '25 22 0:22 / /mnt/my\\040disk rw - btrfs /dev/vdc rw',
  ].join('\n')

  it.each([
    ['/home/me', 'ext4'],
    ['/tmp', 'tmpfs'],
    ['/tmp/bench', 'tmpfs'],
    ['/tmpfiles', 'ext4'],
    ['/mnt/my disk/a', 'btrfs'],
  ])('is that of the mount nearest above it: %s', (path, type) => {
    expect(machine.mountedAt(path, mounts)).toBe(type)
  })

  it('is in memory or not', () => {
    expect(['tmpfs', 'ramfs', 'ext4'].map((type) => machine.isInMemory(type))).toEqual([true, true, false])
  })
})

describe('callers that append for a time', () => {
  function storeOf(seqAfter: (seq: number) => number) {
    const seqs = new Map<unknown, number>()
    const appended: unknown[] = []
    return {
      appended,
      async append(event: unknown) {
        const stream = String(event).slice(0, 1)
        const seq = seqAfter(seqs.get(stream) ?? 0)
        seqs.set(stream, seq)
        appended.push(event)
        return { seq }
      },
      seqOf: ({ seq }: { readonly seq: number }) => seq,
    }
  }
  const pools = [
    ['a1', 'a2'],
    ['b1', 'b2'],
  ]

  it('make one append each before the clock runs, then at least one, each from its own pool', async () => {
    const store = storeOf((seq) => seq + 1)
    const before: number[] = []
    const begin = async () => {
      before.push(store.appended.length)
    }
    const { appended } = await appending.appendFor(store, { name: 'a store', pools, ms: 0, begin })
    expect(before).toEqual([2])
    expect(appended).toBe(4)
    expect(store.appended).toEqual(['a1', 'b1', 'a2', 'b2'])
  })

  it('stop at a number that is not the next', async () => {
    const appended = appending.appendFor(
      storeOf(() => 7),
      { name: 'a store', pools, ms: 0 },
    )
    await expect(appended).rejects.toThrow('a store: seq: found 7, expected 1')
  })
})

describe('the schema of a journal in PostgreSQL', () => {
  it('is named after its directory, in letters that need no quotes', () => {
    expect(places.schemaNamed('/x/holdfast-PostgreSQL-1000-in-10')).toBe('holdfast_postgresql_1000_in_10')
    expect(places.schemaNamed('/x/stores-7')).toBe('stores_7')
  })
})
