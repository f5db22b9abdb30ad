// What the benchmark shows: tables, the section of the README, the plot, and how far a run is.

import { describe, expect, it } from 'vitest'
import { measure, plot, progress, readme, table, targets } from './pure-parts.ts'

describe('a table', () => {
  it('puts text to the left, figures to the right, and what is missing as nothing', () => {
    const text = table.tableText({
      work: 'W0',
      title: 'an example',
      columns: ['peer', 'ms'],
      rows: [{ peer: 'holdfast', ms: measure.spread([1, 2, 30]) }, { peer: 'b' }],
      notes: ['A note.'],
      targets: [targets.atMost('ms', 3, 2)],
    })
    expect(text.split('\n')).toEqual([
      'W0  an example',
      '',
      'peer               ms',
      '--------  -----------',
      'holdfast  2 (1 to 30)',
      'b',
      '  A note.',
      '  MISSED  ms: 3 (target ≤ 2)',
      '',
    ])
  })

  it.each([
    [0.123, '0.12'],
    [12.34, '12.3'],
    [123.4, '123'],
    [1234.5, '1,235'],
    [1234, '1234'],
    [-0.5, '-0.50'],
    [-12345, '-12,345'],
  ])('shows %d as %s', (value, text) => {
    expect(table.figure(value)).toBe(text)
  })
})

describe('the section of the README', () => {
  const machine = {
    processor: 'a processor',
    cores: 2,
    memoryBytes: 2 ** 34,
    node: 'v20',
    platform: 'linux',
    fileSystem: 'ext4',
    fdatasyncUs: 130,
    dsyncUs: 120,
    lineBytes: 373,
  }
  const row = (callers: number, peer: string, ratio?: number) => ({
    callers,
    peer,
    ...(ratio === undefined ? {} : { 'holdfast ÷ peer': measure.spread([ratio]) }),
  })

  it('says on which machine, and has one table per work that was run', () => {
    const rows = [1, 16, 1_024].flatMap((callers) => [row(callers, 'holdfast'), row(callers, 'sqlite', callers / 2)])
    const text = readme.readmeTables({ rounds: 5, machine, results: [{ work: 'W1', title: '', columns: [], rows }] })
    expect(text).toContain('a processor, 2 cores, 16.0 GiB, Node v20 on linux, ext4')
    expect(text.split('\n').slice(2)).toEqual([
      '| Durable appends a second, Holdfast ÷ | 1 caller | 1,024 callers |',
      '|---|---|---|',
      '| sqlite | 0.50 (0.50 to 0.50) | 512 (512 to 512) |',
      '',
    ])
  })

  it('shows of PostgreSQL what each peer was measured by, and nothing where one was not', () => {
    const rows = [
      { what: 'appends', peer: 'holdfast, PostgreSQL' },
      { what: 'appends', peer: 'INSERT', 'holdfast ÷ peer': measure.spread([4]) },
      { what: 'jobs', peer: 'holdfast, PostgreSQL' },
      { what: 'jobs', peer: 'a queue', 'holdfast ÷ peer': measure.spread([3]) },
    ]
    const text = readme.readmeTables({ rounds: 5, machine, results: [{ work: 'W9', title: '', columns: [], rows }] })
    expect(text.split('\n').slice(2)).toEqual([
      '| On PostgreSQL, Holdfast ÷ | INSERT | a queue |',
      '|---|---|---|',
      '| appends | 4 (4 to 4) |  |',
      '| jobs |  | 3 (3 to 3) |',
      '',
    ])
  })

  it('puts the stores side by side, with their figures', () => {
    const byHand = { 'SQLite ÷ by hand': measure.spread([0.5]), 'PostgreSQL ÷ by hand': measure.spread([6]) }
    const rows = [{ what: 'appends', file: 30_000, SQLite: 10_000, PostgreSQL: 9_000, ...byHand }]
    const text = readme.readmeTables({
      rounds: 5,
      machine,
      results: [{ work: 'STORES', title: '', columns: [], rows }],
    })
    expect(text.split('\n').at(-2)).toBe('| appends | 30,000 | 10,000 | 9000 | 0.50 (0.50 to 0.50) | 6 (6 to 6) |')
  })

  it('shows of runs what each peer was measured by, and where it did fewer steps', () => {
    const ratioOf = (value: number) => ({ 'holdfast ÷ peer': measure.spread([value]) })
    const own = (steps: number) => ({ steps, peer: 'holdfast', '÷ that of the disk': measure.spread([1]) })
    const one = [
      own(1_000),
      { steps: 1_000, peer: 'disk', ...ratioOf(0.8) },
      { steps: 100, peer: 'other', ...ratioOf(50) },
      own(10_000),
      { steps: 10_000, peer: 'disk', ...ratioOf(0.9) },
    ]
    const many = [
      { peer: 'holdfast', runs: 64, 'steps each': 100 },
      { peer: 'other', runs: 64, 'steps each': 10, ...ratioOf(20) },
    ]
    const killed = [
      { until: 'step 2', peer: 'holdfast', ms: measure.spread([200]), 'ms − empty journal': measure.spread([10]) },
      { until: 'step 2', peer: 'other', ms: 'none within 60 s' },
    ]
    const results = Object.entries({ W6A: one, W6B: many, W6C: killed }).map(([work, rows]) => ({
      work,
      title: '',
      columns: [],
      rows,
    }))
    expect(readme.readmeTables({ rounds: 5, machine, results }).split('\n').slice(2)).toEqual([
      '| Durable steps of one run a second, Holdfast ÷ | disk | other, 100 steps | last tenth ÷ first |',
      '|---|---|---|---|',
      '| 1,000 steps | 0.80 (0.80 to 0.80) | 50 (50 to 50) | 1 (1 to 1) |',
      '| 10,000 steps | 0.90 (0.90 to 0.90) |  | 1 (1 to 1) |',
      '',
      '| Steps of 64 runs at once a second, Holdfast ÷ | other, 10 steps each |',
      '|---|---|',
      '| 100 steps each | 20 (20 to 20) |',
      '',
      '| After kill -9, from the start of a process | by | ms | more than with an empty journal |',
      '|---|---|---|---|',
      '| step 2 | holdfast | 200 (200 to 200) | 10 (10 to 10) |',
      '| step 2 | other | none within 60 s |  |',
      '',
    ])
  })

  it('says which works are missing when the run was ended before them', () => {
    const report = { rounds: 5, machine, wanted: ['W4', 'W8', 'SCALE'] }
    const results = [{ work: 'W4', title: '', columns: [], rows: [] }]
    expect(readme.readmeTables({ ...report, results })).toContain('The run was ended before W8, SCALE.')
    expect(readme.readmeTables({ ...report, wanted: ['W4'], results })).not.toContain('ended before')
  })

  it.each([
    null,
    {},
    [],
    'text',
    { machine, rounds: 5, results: [{ work: 'W1' }] },
    { machine: {}, rounds: 5, results: [] },
  ])('is not made from what is no report of a run: %j', (report) => {
    expect(() => readme.readmeTables(report as never)).toThrow('not the figures of a run')
  })
})

describe('a plot', () => {
  const chart = {
    title: 'Cost & <growth>',
    xLabel: 'events',
    yLabel: 'cost',
    series: ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((label, at) => ({
      label,
      note: `note ${label}`,
      points: [
        [10_000, 3 * 10 ** at],
        [10_000_000, 0.02 * 10 ** at],
      ] as const,
    })),
  }
  const svg = plot.plotSvg(chart)
  const places = [...svg.matchAll(/<text[^>]* x="([\d.]+)" y="([\d.]+)">/g)].map(([, x, y]) => [Number(x), Number(y)])

  it('spans whole powers of ten, at least one', () => {
    expect(plot.decades([10_000, 10_000_000])).toEqual([4, 7])
    expect(plot.decades([0.4, 35])).toEqual([-1, 2])
    expect(plot.decades([100])).toEqual([2, 3])
    expect([10, 100, 1_000].map((value) => plot.along([1, 3], value))).toEqual([0, 0.5, 1])
  })

  it('draws every point within its axes, a larger cost higher', () => {
    const drawn = [...svg.matchAll(/<polyline[^>]* points="([^"]+)"/g)].map(([, points = '']) =>
      points.split(' ').map((point) => point.split(',').map(Number)),
    )
    expect(drawn).toHaveLength(chart.series.length)
    for (const [[x1 = -1, y1 = -1] = [], [x2 = -1, y2 = -1] = []] of drawn) {
      expect(x1).toBe(74)
      expect(x2).toBe(592)
      expect(y1).toBeLessThan(y2)
      expect(y1).toBeGreaterThanOrEqual(50)
      expect(y2).toBeLessThanOrEqual(402)
    }
  })

  it('keeps its names apart and within the picture', () => {
    const named = chart.series.flatMap(({ label, note }) => [label, note])
    for (const name of named) expect(svg).toContain(`>${name}</text>`)
    expect(places.every(([x = 0, y = 0]) => x < 900 && y < 470)).toBe(true)
    const apart = places.flatMap(([x, y], at) => places.slice(at + 1).map(([u, v]) => [x, y, u, v]))
    const near = apart.filter(([x = 0, y = 0, u = 0, v = 0]) => Math.abs(x - u) < 40 && Math.abs(y - v) < 14)
    expect(near).toEqual([])
  })

  it('escapes what is a sign of the language', () => {
    expect(svg).toContain('Cost &amp; &lt;growth>')
  })
})

describe('the line that says how far a run is', () => {
  function told(isTTY: boolean) {
    const written: string[] = []
    let time = 0
    const line = new progress.Progress({ stream: { isTTY, write: (text) => written.push(text) }, now: () => time })
    const at = (ms: number, say: () => void) => {
      time = ms
      say()
    }
    return { line, written, at }
  }

  it('is rewritten on a terminal', () => {
    const { line, written, at } = told(true)
    line.begin('W1')
    at(2_400, () => line.tell('64 callers', 0))
    line.clear()
    expect(written).toEqual(['\r\x1b[KW1: begins, 0 s', '\r\x1b[KW1: 64 callers, round 1, 2 s', '\r\x1b[K'])
  })

  it('comes now and then elsewhere', () => {
    const { line, written, at } = told(false)
    line.begin('W1')
    at(2_000, () => line.tell('1 callers', 0))
    at(10_000, () => line.tell('64 callers', 1))
    at(19_999, () => line.tell('64 callers', 2))
    line.clear()
    at(20_000, () => line.again())
    expect(written).toEqual(['W1: begins, 0 s\n', 'W1: 64 callers, round 2, 10 s\n', 'W1: 64 callers, round 3, 20 s\n'])
  })
})
