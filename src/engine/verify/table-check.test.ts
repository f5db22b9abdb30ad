// The caches against a log that says something else: each way in which a row, a note or an index can differ, and those in
// which it may.

import { describe, expect, it } from 'vitest'
import type { Control } from '../../core/control.ts'
import type { Finding } from '../../stores/store.ts'
import type { Note } from '../note.ts'
import { ActiveIndex, type SegmentIndex, type StreamPlaces } from '../segment-index.ts'
import { stateKeys } from '../state-keys.ts'
import { TableDamaged } from '../tables/table-damaged.ts'
import { Findings } from './findings.ts'
import { LogFold } from './log-fold.ts'
import { Pace } from './pace.ts'
import { checkIndex, checkState, type StateParts } from './table-check.ts'

const agenda: Control = { control: 'agenda', id: 'a', due: 5 }
const command: Control = { control: 'command', id: 'c', time: 50, digest: 'd', position: 1, events: [] }
const sealed = { name: 'one', number: 1, bytes: 100 }

/** Two events, an item of the agenda, a command, a bound, a blob. */
function sampleFold(findings: Findings): LogFold {
  const fold = new LogFold(findings)
  const place = { file: 'f', segment: 1, offset: 0 }
  const raw = { type: 't', version: 1, data: null, meta: undefined, blobs: [], sum: '', tagged: false, more: false }
  fold.takeEvent({ ...raw, position: 1, stream: 's', seq: 1, time: 5 }, place)
  fold.takeEvent({ ...raw, position: 2, stream: 'r', seq: 1, time: 6 }, place)
  for (const control of [agenda, command]) fold.takeControl(control, place)
  fold.takeControl({ control: 'retain', time: 60, streams: [['t', 4]] }, place)
  fold.takeControl({ control: 'blob', digest: 'b', bytes: 3, chunks: [['x', 3]] }, place)
  return fold
}

function sampleRows(): Map<string, string> {
  return new Map([
    [stateKeys.head('s'), '[1,1,1]'],
    [stateKeys.head('r'), '[1,2,1]'],
    [stateKeys.agenda('a'), JSON.stringify(agenda)],
    [stateKeys.due(5, 'a'), '1'],
    [stateKeys.command('c'), JSON.stringify(command)],
    [stateKeys.truncated('t'), '4'],
    [stateKeys.blob('b'), JSON.stringify({ bytes: 3, chunks: [['x', 3]] })],
  ])
}

function sampleNote(scalars: Partial<Note['scalars']> = {}): Note {
  const facts = { name: 'one', number: 1, first: 1, sealed: { bytes: 100, sha256: 'ff' } }
  const known = { position: 2, time: 60, cut: 0, keep: new Map(), truncating: new Map(), forgetBefore: 0 }
  return { journal: 'j', epoch: 'e', sealed: [facts], scalars: { ...known, ...scalars } }
}

function tablesOf(rows: ReadonlyMap<string, string>): StateParts['tables'] {
  return {
    scan: async function* () {
      yield [...rows]
    },
    get: async (key) => rows.get(key),
    getMany: async (keys) => keys.map((key) => rows.get(key)),
  }
}

interface Case {
  readonly change?: (rows: Map<string, string>) => void
  readonly note?: Note
  readonly sealed?: StateParts['sealed']
  readonly wasRewritten?: boolean
  readonly fold?: LogFold
}

async function stateFindings(test: Case): Promise<readonly string[]> {
  const findings = new Findings()
  const rows = sampleRows()
  test.change?.(rows)
  const { fold = sampleFold(findings), note = sampleNote(), wasRewritten = false } = test
  const parts = { tables: tablesOf(rows), fold, sealed: test.sealed ?? [sealed], wasRewritten, findings }
  await checkState({ ...parts, pace: new Pace({}) }, note)
  return findings.all().map(({ severity, kind, file, repair }) => `${severity} ${kind} ${file} ${repair}`)
}

const stale = ['warning state-stale state caches']

describe('state tables', () => {
  it('that say what the log says are well', async () => {
    expect(await stateFindings({})).toEqual([])
  })

  it.each<[string, (rows: Map<string, string>) => void]>([
    ['another seq', (rows) => rows.set(stateKeys.head('s'), '[2,1,1]')],
    ['another position', (rows) => rows.set(stateKeys.head('s'), '[1,2,1]')],
    ['another segment', (rows) => rows.set(stateKeys.head('s'), '[1,1,2]')],
    ['a stream too many', (rows) => rows.set(stateKeys.head('x'), '[1,1,1]')],
    ['a stream too few', (rows) => rows.delete(stateKeys.head('r'))],
    ['an item of the agenda too few', (rows) => rows.delete(stateKeys.agenda('a'))],
    ['a time for no item', (rows) => rows.set(stateKeys.due(9, 'gone'), '1')],
    ['another agenda', (rows) => rows.set(stateKeys.agenda('a'), JSON.stringify({ ...agenda, due: 6 }))],
    ['a command that is not forgotten', (rows) => rows.set(stateKeys.command('x'), '{"time":0}')],
    ['a lease that nobody took', (rows) => rows.set(stateKeys.lease('x'), '{}')],
    ['another bound', (rows) => rows.set(stateKeys.truncated('t'), '5')],
    ['another blob', (rows) => rows.set(stateKeys.blob('b'), '{"bytes":4}')],
  ])('with %s are stale', async (_, change) => {
    expect(await stateFindings({ change })).toEqual(stale)
  })

  it.each<[string, Partial<Note['scalars']>]>([
    ['position', { position: 3 }],
    ['older time', { time: 59 }],
    ['cut', { cut: 1 }],
    ['time before which ids are forgotten', { forgetBefore: 1 }],
  ])('whose note has another %s are stale', async (_, scalars) => {
    expect(await stateFindings({ note: sampleNote(scalars) })).toEqual(stale)
  })

  it('whose note names other segments are stale', async () => {
    const others = [
      [],
      [sealed, sealed],
      [{ ...sealed, name: 'x' }],
      [{ ...sealed, number: 2 }],
      [{ ...sealed, bytes: 9 }],
    ]
    for (const each of others) expect(await stateFindings({ sealed: each }), JSON.stringify(each)).toEqual(stale)
  })

  it('may know a newer time, and more of what only costs room, and forgotten commands', async () => {
    const change = (rows: Map<string, string>) => {
      rows.set(stateKeys.released('x'), '1')
      rows.set(stateKeys.command('old'), '{"time":3}')
    }
    const fold = sampleFold(new Findings())
    fold.takeControl({ control: 'forget', before: 4 }, { file: 'f', segment: 1, offset: 0 })
    expect(await stateFindings({ change, fold, note: sampleNote({ time: 70, forgetBefore: 4 }) })).toEqual([])
  })

  it('are one finding, however much is stale', async () => {
    const change = (rows: Map<string, string>) => {
      for (let number = 0; number < 50; number++) rows.set(stateKeys.lease(`l${number}`), '{}')
    }
    expect(await stateFindings({ change })).toEqual(stale)
  })

  it('may know more of the past than a rewritten log, but no less', async () => {
    const wasRewritten = true
    const well: readonly ((rows: Map<string, string>) => void)[] = [
      (rows) => rows.set(stateKeys.head('s'), '[1,7,7]'),
      (rows) => rows.set(stateKeys.lease('x'), '{}'),
      (rows) => rows.set(stateKeys.due(9, 'gone'), '1'),
      (rows) => rows.set(stateKeys.blob('b'), '{"bytes":3,"at":[2,9]}'),
      (rows) => rows.set(stateKeys.truncated('t'), '5'),
    ]
    for (const change of well) expect(await stateFindings({ change, wasRewritten })).toEqual([])
    expect(await stateFindings({ note: sampleNote({ cut: 1, forgetBefore: 1 }), wasRewritten })).toEqual([])
    const behind: readonly ((rows: Map<string, string>) => void)[] = [
      (rows) => rows.set(stateKeys.truncated('t'), '3'),
      (rows) => rows.delete(stateKeys.truncated('t')),
    ]
    for (const change of behind) {
      expect(await stateFindings({ change, wasRewritten })).toEqual(stale)
      // A crash came between the rewrite and its note: what it left is brought up to date by the next opening.
      expect(await stateFindings({ change, wasRewritten, sealed: [{ ...sealed, bytes: 90 }] })).toEqual([])
    }
    const others = [stateKeys.agenda('a'), stateKeys.head('r')]
    for (const key of others) {
      const change = (rows: Map<string, string>) => rows.delete(key)
      expect(await stateFindings({ change, wasRewritten, sealed: [{ ...sealed, bytes: 90 }] })).toEqual(stale)
    }
    const change = (rows: Map<string, string>) => rows.set(stateKeys.agenda('a'), '{}')
    expect(await stateFindings({ change, wasRewritten })).toEqual(stale)
  })

  it('may know a later rewrite of a segment than the log has left, until its note is up to date', async () => {
    const rewrite = (sha256: string) => {
      const old = [['s.jsonl', 'aa']] as const
      return {
        control: 'rewrite',
        reason: 'retention',
        old,
        sha256,
        bytes: 9,
        sealed: ['s.jsonl', 20, 'aa'],
        time: 60,
      } as const
    }
    const fold = () => {
      const folded = sampleFold(new Findings())
      folded.takeControl(rewrite('bb'), { file: 'f', segment: 1, offset: 0 })
      return folded
    }
    const change = (rows: Map<string, string>) => {
      rows.set(stateKeys.rewrite('s.jsonl'), JSON.stringify(rewrite('cc')))
    }
    const behind = { wasRewritten: true, sealed: [{ ...sealed, bytes: 90 }] }
    expect(await stateFindings({ change, fold: fold(), ...behind })).toEqual([])
    expect(await stateFindings({ change, fold: fold(), wasRewritten: true })).toEqual(stale)
    expect(await stateFindings({ change, fold: fold() })).toEqual(stale)
  })

  it('of more streams than fit are held to the sample, and to nothing outside of it', async () => {
    const fold = new LogFold(new Findings())
    const streams = Array.from({ length: 200_001 }, (_, number) => [`s${number}`, 1, 1] as const)
    const stub: Control = { control: 'removed', from: 1, to: 2, count: 2, streams }
    fold.takeControl(stub, { file: 'f', segment: 1, offset: 0 })
    const all = (rows: Map<string, string>) => {
      rows.clear()
      for (const [stream] of streams) rows.set(stateKeys.head(stream), '[1,2,1]').set(stateKeys.truncated(stream), '2')
    }
    expect(await stateFindings({ change: all, fold })).toEqual([])
    const wrong = (name: string) => (rows: Map<string, string>) => {
      all(rows)
      rows.set(name, name.startsWith('h') ? '[9,9,9]' : '9')
    }
    const names = streams.map(([stream]) => stream)
    const heads = (covered: boolean) => names.find((name) => fold.streams.covers(name) === covered) ?? ''
    const bounds = (covered: boolean) =>
      names.find((name) => fold.entries.covers(stateKeys.truncated(name)) === covered)
    expect(await stateFindings({ change: wrong(stateKeys.head(heads(false))), fold })).toEqual([])
    expect(await stateFindings({ change: wrong(stateKeys.head(heads(true))), fold })).toEqual(stale)
    expect(await stateFindings({ change: wrong(stateKeys.truncated(bounds(false) ?? '')), fold })).toEqual([])
    expect(await stateFindings({ change: wrong(stateKeys.truncated(bounds(true) ?? '')), fold })).toEqual(stale)
  })

  it('that are damaged are told with their place; what is not their doing is thrown on', async () => {
    const findings = new Findings()
    const failing = (error: unknown): StateParts => ({
      tables: { ...tablesOf(new Map()), get: () => Promise.reject(error) },
      fold: new LogFold(findings),
      sealed: [sealed],
      wasRewritten: false,
      findings,
      pace: new Pace({}),
    })
    await checkState(failing(new TableDamaged('state/1.table', 7, 'w')), sampleNote())
    expect(findings.all()).toMatchObject([
      { kind: 'state-damaged', file: 'state/1.table', offset: 7, severity: 'warning', repair: 'caches' },
    ])
    await expect(checkState(failing(new TypeError('defect')), sampleNote())).rejects.toThrow(TypeError)
  })
})

describe('an index', () => {
  const places: StreamPlaces = { first: 1, previous: 3, offsets: [10, 90_000] }

  function made(): ActiveIndex {
    const index = new ActiveIndex()
    index.add({ stream: 's', seq: 1, position: 5, type: 't' }, 10, 0)
    index.add({ stream: 's', seq: 2, position: 6, type: 't' }, 90_000, 0)
    index.addBlobs(['b'])
    return index
  }

  function onDisk(changed: Partial<SegmentIndex> = {}): SegmentIndex {
    return {
      places: async () => places,
      hasPrefix: async () => true,
      marks: async () => ({ positions: [5, 6], offsets: [10, 90_000] }),
      blobs: async () => ['b'],
      streams: async function* () {
        yield [['s', places] as const]
      },
      typePlaces: async () => places.offsets,
      types: async function* () {
        yield [['t', places.offsets] as const]
      },
      close: async () => undefined,
      ...changed,
    }
  }

  async function indexFindings(open: () => Promise<SegmentIndex>, previous: number = 3): Promise<readonly Finding[]> {
    const findings = new Findings()
    const parts = { path: 'index/1', open, made: made(), findings, pace: new Pace({}) }
    await checkIndex({ ...parts, previous: new Map([['s', previous]]) })
    return findings.all()
  }

  const streams = (rows: readonly (readonly [string, StreamPlaces])[]): Partial<SegmentIndex> => ({
    streams: async function* () {
      yield rows
    },
  })

  const types = (rows: readonly (readonly [string, readonly number[] | undefined])[]): Partial<SegmentIndex> => ({
    types: async function* () {
      yield rows
    },
  })

  it('that says where all is, is well', async () => {
    expect(await indexFindings(async () => onDisk())).toEqual([])
  })

  it.each<[string, Partial<SegmentIndex>]>([
    ['other positions at its marks', { marks: async () => ({ positions: [5, 7], offsets: [10, 90_000] }) }],
    ['other offsets at its marks', { marks: async () => ({ positions: [5, 6], offsets: [10, 90_001] }) }],
    ['a mark too few', { marks: async () => ({ positions: [5], offsets: [10] }) }],
    ['a blob too many', { blobs: async () => ['b', 'c'] }],
    ['another blob', { blobs: async () => ['c'] }],
    ['a stream that is not there', streams([['x', places]])],
    ['another first seq', streams([['s', { ...places, first: 2 }]])],
    ['another place', streams([['s', { ...places, offsets: [10, 11] }]])],
    ['another segment before', streams([['s', { ...places, previous: 2 }]])],
    ['a stream too few', streams([])],
    ['a type that is not there', types([['x', places.offsets]])],
    ['another place of a type', types([['t', [10]]])],
    ['no places of a type that has few', types([['t', undefined]])],
    ['a type too few', types([])],
  ])('with %s is stale', async (_, changed) => {
    expect(await indexFindings(async () => onDisk(changed))).toMatchObject([
      { kind: 'index-stale', severity: 'warning', file: 'index/1', repair: 'caches' },
    ])
  })

  it('lists no places of a type that has many', async () => {
    const made = new ActiveIndex()
    for (const seq of [1, 2]) made.add({ stream: 's', seq, position: seq, type: 't' }, seq * 10, 0)
    const found = async (offsets: readonly number[] | undefined) => {
      const findings = new Findings()
      const streamsAndMarks = { marks: async () => made, ...streams([['s', { ...places, offsets: [10, 20] }]]) }
      const open = async () => onDisk({ ...streamsAndMarks, blobs: async () => [], ...types([['t', offsets]]) })
      await checkIndex({ path: 'index/1', open, made, findings, pace: new Pace({}), previous: new Map() })
      return findings.all().map(({ kind }) => kind)
    }
    expect([await found(undefined), await found([10, 20])]).toEqual([[], ['index-stale']])
  })

  it('that is damaged is told with its place; what is not its doing is thrown on, and it is closed all the same', async () => {
    let closed = 0
    const close = async () => {
      closed++
    }
    const damaged = () => Promise.reject(new TableDamaged('index/1', 7, 'w'))
    expect(await indexFindings(damaged)).toMatchObject([{ kind: 'index-damaged', offset: 7, repair: 'caches' }])
    const broken = onDisk({ close, blobs: () => Promise.reject(new TypeError('defect')) })
    await expect(indexFindings(async () => broken)).rejects.toThrow(TypeError)
    expect(closed).toBe(1)
  })
})
