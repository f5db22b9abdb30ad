// The fold on records as they could stand in a log, sound and unsound: what it tells, and what it knows at the end.

import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Control } from '../../core/control.ts'
import type { RawEvent } from '../../stores/store.ts'
import { stateKeys } from '../state-keys.ts'
import { Findings } from './findings.ts'
import { LogFold, printOf } from './log-fold.ts'

let findings: Findings
let fold: LogFold

beforeEach(() => {
  findings = new Findings()
  fold = new LogFold(findings)
})

function event(position: number, fields: Partial<RawEvent> = {}): void {
  const raw = { position, stream: 's', seq: position, time: 5, type: 't', version: 1, data: null, meta: undefined }
  fold.takeEvent({ ...raw, blobs: [], sum: '', tagged: false, more: false, ...fields }, at(position))
}

function control(record: Control): void {
  fold.takeControl(record, at(0))
}

function at(offset: number) {
  return { file: 'f', segment: 1, offset }
}

/** Kinds with their offsets. */
function told(): readonly string[] {
  fold.tellGaps()
  return findings.all().map(({ severity, kind, offset }) => `${severity} ${kind} ${offset}`)
}

const stub = (from: number, to: number, streams: readonly (readonly [string, number, number])[] = []): Control => ({
  control: 'removed',
  from,
  to,
  count: to - from + 1,
  streams,
})

describe('positions', () => {
  it('that follow each other are well', () => {
    for (const position of [1, 2, 3]) event(position)
    expect(told()).toEqual([])
    expect([fold.position, fold.events, fold.records]).toEqual([3, 3, 3])
  })

  it('that come twice or fall are damage', () => {
    event(1)
    event(2, { stream: 'a', seq: 1 })
    event(2, { stream: 'b', seq: 1 })
    event(1, { stream: 'c', seq: 1 })
    expect(told()).toEqual(['damage position-order 2', 'damage position-order 1'])
    expect(fold.position).toBe(2)
  })

  it('that are missing are damage, one or many, unless a removal says so, wherever it stands', () => {
    event(1)
    event(3, { seq: 2 })
    event(7, { seq: 3 })
    event(20, { seq: 4 })
    control(stub(8, 19))
    expect(told()).toEqual(['damage position-gap 3', 'damage position-gap 7'])
  })

  it('that are missing behind what could not be read are its consequence, and told with it', () => {
    event(1)
    fold.broken()
    event(5, { seq: 3 })
    event(6, { seq: 4 })
    expect(told()).toEqual([])
    event(9, { seq: 5 })
    expect(told()).toEqual(['damage position-gap 9'])
  })

  it('end where a removal ends, when that is farther', () => {
    event(1)
    control(stub(2, 9))
    expect(fold.position).toBe(9)
    event(10, { seq: 2 })
    expect([fold.position, told()]).toEqual([10, []])
  })
})

describe('times', () => {
  it('that fall are told once, until they have caught up', () => {
    event(1, { time: 50 })
    event(2, { time: 40 })
    event(3, { time: 30 })
    event(4, { time: 60 })
    event(5, { time: 55 })
    expect(told()).toEqual(['warning time-order 2', 'warning time-order 5'])
    expect(fold.time).toBe(60)
  })

  it('are also those of witnesses, commands and retention', () => {
    control({ control: 'witness', time: 7 })
    expect(fold.time).toBe(7)
    control({ control: 'retain', time: 9 })
    expect(fold.time).toBe(9)
    control({ control: 'command', id: 'c', time: 11, digest: 'd', position: 0, events: [] })
    expect(fold.time).toBe(11)
  })
})

describe('seqs', () => {
  it('that come twice, backwards or with a gap are damage', () => {
    event(1, { seq: 1 })
    event(2, { seq: 1 })
    event(3, { seq: 3 })
    event(4, { stream: 'late', seq: 2 })
    expect(told()).toEqual(['damage seq-order 2', 'damage seq-gap 3', 'damage seq-gap 4'])
  })

  it('that are missing behind what could not be read are its consequence; that come twice are not', () => {
    event(1, { seq: 4 })
    fold.broken()
    event(2, { seq: 9 })
    event(3, { stream: 'other', seq: 3 })
    event(4, { seq: 9 })
    expect(told()).toEqual(['damage seq-gap 1', 'damage seq-order 4'])
  })

  it('go on behind a removal, which raises a stream and never lowers it', () => {
    control(stub(1, 3, [['s', 1, 3]]))
    event(4, { seq: 4 })
    expect(fold.streams.get('s')).toMatchObject({ seq: 4, position: 4, stands: true })
    control(stub(1, 3, [['s', 1, 3]]))
    expect(fold.streams.get('s')).toMatchObject({ seq: 4, position: 4, stands: true })
    control(stub(5, 6, [['s', 5, 6]]))
    expect(fold.streams.get('s')).toMatchObject({ seq: 6, position: 6, stands: false })
    expect(told()).toEqual([])
  })
})

describe('what is visible', () => {
  const visible = (position: number, stream: string = 's', seq: number = position) =>
    fold.isVisible({ position, stream, seq })

  it('is everything, and then what retention left: behind the cut, and what pinned streams keep', () => {
    expect(visible(1)).toBe(true)
    control({ control: 'retain', time: 1, before: 10, keep: [['kept', 4]] })
    expect([visible(9), visible(10), visible(5, 'kept', 4), visible(5, 'kept', 3)]).toEqual([false, true, true, false])
    expect(fold.cut).toBe(10)
    control({ control: 'retain', time: 1, before: 12 })
    expect([visible(11), visible(5, 'kept', 4), visible(12)]).toEqual([false, false, true])
    control({ control: 'retain', time: 1, before: 3 })
    expect(fold.cut).toBe(12)
  })

  it('is what stands in a stream from the seq that retention said', () => {
    control({ control: 'retain', time: 1, streams: [['s', 4]] })
    expect([visible(1, 's', 3), visible(1, 's', 4), visible(1, 'other', 1)]).toEqual([false, true, true])
    expect(fold.entries.get(stateKeys.truncated('s'))?.print).toBe('4')
  })

  it('is claimed of no stream that the sample leaves out', () => {
    const streams = Array.from({ length: 200_001 }, (_, number) => [`s${number}`, 2] as const)
    control({ control: 'retain', time: 1, streams })
    expect(fold.isSample).toBe(true)
    const isVisible = streams.map(([stream]) => visible(1, stream, 2))
    expect(isVisible).toContain(true)
    expect(isVisible).toContain(false)
    expect(streams.filter(([stream]) => visible(1, stream, 1))).toEqual([])
    const keys = streams.slice(0, 500).map(([stream]) => stateKeys.truncated(stream))
    control({ control: 'retain', time: 2, streams: streams.slice(0, 500).map(([stream]) => [stream, 3]) })
    for (const key of keys) expect(fold.entries.get(key)?.print).toBe(fold.entries.covers(key) ? '3' : undefined)
    expect(keys.some((key) => fold.entries.covers(key))).toBe(true)
  })
})

describe('more streams than fit', () => {
  it('are checked as a sample, and nothing is told of the others', () => {
    for (let number = 1; number <= 200_001; number++) event(number, { stream: `s${number}`, seq: 1 })
    expect(fold.isSample).toBe(true)
    let position = 200_001
    for (let number = 1; number <= 200; number++) event(++position, { stream: `s${number}`, seq: 1 })
    const orders = told()
    expect(orders.length).toBeGreaterThan(0)
    expect(orders.length).toBeLessThan(200)
    expect(orders.every((each) => each.startsWith('damage seq-order'))).toBe(true)
  })
})

describe('state', () => {
  const entry = (key: string) => fold.entries.get(key)?.print
  const command = (id: string, time: number): Control => ({
    control: 'command',
    id,
    time,
    digest: 'd',
    position: 0,
    events: [],
  })

  it('is what the last record says; agenda items and pins can go', () => {
    const due: Control = { control: 'agenda', id: 'a', due: 5 }
    const pin: Control = { control: 'pin', pin: 'p', from: 1 }
    const lease: Control = { control: 'lease', lease: 'l', owner: 'o', token: 1, until: 5, held: true }
    for (const each of [due, pin, lease]) control(each)
    control({ control: 'released', stream: 's', through: 3 })
    expect(entry(stateKeys.agenda('a'))).toBe(printOf(JSON.stringify(due)))
    expect(entry(stateKeys.pin('p'))).toBe(printOf(JSON.stringify(pin)))
    expect(entry(stateKeys.lease('l'))).toBe(printOf(JSON.stringify(lease)))
    expect(entry(stateKeys.released('s'))).toBe('3')
    control({ ...due, due: null })
    control({ ...pin, from: null })
    control({ control: 'retain', time: 1, streams: [['s', 2]] })
    expect(fold.entries.size).toBe(2)
    expect([...fold.entries].map(([key]) => key).sort()).toEqual([stateKeys.lease('l'), stateKeys.truncated('s')])
  })

  it('has a command once, until it was forgotten', () => {
    control(command('c', 5))
    control(command('d', 8))
    control({ control: 'forget', before: 7 })
    control({ control: 'forget', before: 2 })
    expect(fold.forgetBefore).toBe(7)
    expect([fold.entries.has(stateKeys.command('c')), fold.entries.has(stateKeys.command('d'))]).toEqual([false, true])
    control(command('c', 9))
    expect(told()).toEqual([])
    control(command('d', 10))
    expect(told()).toEqual(['damage command-duplicate 0'])
  })

  it('has the blobs, and says which content is not what its digest says', () => {
    const content = Buffer.from('content')
    const digest = createHash('sha256').update(content).digest('hex')
    const data = content.toString('base64')
    control({ control: 'blob', digest, bytes: 7, data })
    control({ control: 'blob', digest: 'c1', bytes: 9, chunks: [['x', 9]] })
    expect(told()).toEqual([])
    expect(entry(stateKeys.blob(digest))).toBe(printOf(JSON.stringify({ bytes: 7, at: [1, 0] })))
    expect(entry(stateKeys.blob('c1'))).toBe(printOf(JSON.stringify({ bytes: 9, chunks: [['x', 9]] })))
    control({ control: 'blob', digest: 'c1', bytes: 9, gone: true })
    expect([fold.blobs.has('c1'), fold.entries.has(stateKeys.blob('c1')), fold.blobs.has(digest)]).toEqual([
      false,
      false,
      true,
    ])
    control({ control: 'blob', digest, bytes: 8, data })
    control({ control: 'blob', digest: 'f'.repeat(64), bytes: 7, data })
    expect(told()).toEqual(['damage blob-damaged 0', 'damage blob-damaged 0'])
  })

  it('knows which events name a blob, and which files were rewritten', () => {
    event(1, { blobs: ['b1', 'b2'] })
    expect([fold.named.has('b1'), fold.entries.has(stateKeys.blobUse('b2', 1))]).toEqual([true, true])
    const rewrite = { control: 'rewrite', time: 1, reason: 'r', old: [['n', 'x']], sha256: 'y', bytes: 1 } as const
    control({ ...rewrite, sealed: ['n', 1, 'x'] })
    expect(fold.rewrites.get('n')).toMatchObject({ sha256: 'y' })
    expect(fold.entries.has(stateKeys.rewrite('n'))).toBe(true)
  })

  it('has prints that are short, and equal for equal text only', () => {
    expect(printOf('[1,2]')).toBe('[1,2]')
    const long = JSON.stringify('x'.repeat(100))
    expect(printOf(long)).toHaveLength(16)
    expect(printOf(long)).not.toBe(printOf(`${long} `))
    expect(printOf('x'.repeat(24))).toBe('x'.repeat(24))
  })
})

describe('gaps beyond what anybody reads', () => {
  it('are bounded', () => {
    for (let number = 0; number < 10_050; number++) event(number * 2 + 1, { stream: 'g', seq: number + 1 })
    expect(told()).toHaveLength(10_000)
  })
})
