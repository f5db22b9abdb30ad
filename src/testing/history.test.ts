import { beforeEach, describe, expect, it } from 'vitest'
import { memoryStore } from '../stores/memory.ts'
import type { Batch, RawEvent, Receipt } from '../stores/store.ts'
import { fakeClock } from './fake-clock.ts'
import { History, type Submission } from './history.ts'
import type { FindingKind } from './history-finding.ts'
import type { JournalContents } from './journal-contents.ts'
import { seededRandom } from './seeded-random.ts'

const event = (stream: string, data: unknown) => ({ stream, type: 'noted', version: 1, data: JSON.stringify(data) })
const single = (stream: string, data: unknown): Batch => ({ events: [event(stream, data)], durability: 'sync' })

/** A journal as it should be: five appends, the third a batch over two streams, of which the last is not answered. */
const batches: readonly Batch[] = [
  single('a', 1),
  single('b', 2),
  { events: [event('a', 3), event('b', 4), event('a', 5)], durability: 'sync', command: { id: 'c', digest: 'd' } },
  single('a', 6),
  single('b', 7),
]

function rawEvents(): RawEvent[] {
  const seqs = new Map<string, number>()
  let position = 0
  return batches.flatMap(({ events }) =>
    events.map(({ stream, type, version, data }, index): RawEvent => {
      const seq = (seqs.get(stream) ?? 0) + 1
      seqs.set(stream, seq)
      const place = { position: ++position, stream, seq, time: 1 }
      const content = { type, version, data: JSON.parse(data) as unknown, meta: undefined, blobs: [] }
      return { ...place, ...content, sum: `sum${data}`, tagged: false, more: index < events.length - 1 }
    }),
  )
}

function receiptOf(events: readonly RawEvent[]): Receipt {
  const places = events.map(({ stream, seq, position }) => ({ stream, seq, position }))
  const last = places.at(-1)
  return {
    position: last?.position ?? 0,
    seq: last?.seq ?? 0,
    events: places,
    leases: [],
    duplicate: false,
    durable: true,
  }
}

describe('history', () => {
  let history: History
  let submissions: readonly Submission[]
  const good = rawEvents()

  beforeEach(() => {
    history = new History()
    submissions = batches.map((batch) => history.submit(batch))
    acknowledge(0, good.slice(0, 1))
    acknowledge(1, good.slice(1, 2))
    acknowledge(2, good.slice(2, 5))
    acknowledge(3, good.slice(5, 6))
  })

  function acknowledge(index: number, events: readonly RawEvent[]): void {
    history.acknowledge(submissions[index] as Submission, receiptOf(events))
  }

  function contents(events: readonly RawEvent[], more: Partial<JournalContents> = {}): JournalContents {
    const commands = new Map([['c', receiptOf(good.slice(2, 5))]])
    return { events, from: 1, agenda: [], pins: [], commands, leases: new Map(), ...more }
  }

  function found(events: readonly RawEvent[], more?: Partial<JournalContents>): FindingKind | undefined {
    return history.judge(contents(events, more), { settle: false })?.kind
  }

  it('accepts a journal with and without what was not answered', () => {
    expect(found(good)).toBeUndefined()
    expect(found(good.slice(0, 6))).toBeUndefined()
  })

  it('finds an acknowledged event that is lost at the end', () => {
    expect(found(good.slice(0, 5))).toBe('lost')
  })

  it('finds an acknowledged event that is lost in the middle', () => {
    const renumbered = good.filter((_, index) => index !== 1).map((raw, index) => ({ ...raw, position: index + 1 }))
    expect(found(renumbered)).toBe('lost')
    expect(found(good.filter((_, index) => index !== 1))).toBe('lost')
  })

  it('finds two events in the wrong order', () => {
    const [first, second, ...rest] = good as [RawEvent, RawEvent, ...RawEvent[]]
    expect(found([{ ...second, position: 1 }, { ...first, position: 2 }, ...rest])).toBe('reordered')
  })

  it('finds an event that was never submitted', () => {
    const invented = { ...(good[6] as RawEvent), position: 8, stream: 'c', seq: 1, data: 'boo' }
    expect(found([...good, invented])).toBe('invented')
    expect(found([invented, ...good])).toBe('invented')
  })

  it('finds an event that is there twice', () => {
    const again = { ...(good[6] as RawEvent), position: 8, seq: 4 }
    expect(found([...good, again])).toBe('duplicated')
    expect(found([good[0] as RawEvent, { ...(good[0] as RawEvent), position: 2, seq: 2 }, ...good.slice(1)])).toBe(
      'duplicated',
    )
  })

  it.each([3, 4])('finds a batch torn after %i events', (end) => {
    expect(found(good.slice(0, end), { commands: new Map() })).toBe('torn')
  })

  it('finds a batch of which the first event is missing', () => {
    const events = [...good.slice(0, 2), ...good.slice(3)].map((raw, index) => ({ ...raw, position: index + 1 }))
    expect(found(events)).toBe('lost')
  })

  it('finds a batch whose lines are not joined', () => {
    expect(found(good.map((raw) => ({ ...raw, more: false })))).toBe('torn')
  })

  it('finds a position or seq that was left out', () => {
    expect(found(good.map((raw) => (raw.position > 4 ? { ...raw, position: raw.position + 1 } : raw)))).toBe('gap')
    expect(found(good.map((raw) => (raw.position === 6 ? { ...raw, seq: 5 } : raw)))).toBe('gap')
  })

  it('finds an acknowledgement at the wrong place', () => {
    acknowledge(3, [{ ...(good[5] as RawEvent), position: 7 }])
    expect(found(good)).toBe('misplaced')
  })

  it.each([
    ['data', { data: 99 }],
    ['type', { type: 'other' }],
    ['version', { version: 2 }],
    ['meta', { meta: { by: 'somebody' } }],
    ['blobs', { blobs: ['00'] }],
  ] as const)('finds altered %s', (_name, change) => {
    expect(found(good.map((raw) => (raw.position === 2 ? { ...raw, ...change } : raw)))).toBe('altered')
  })

  it('finds what a refused batch left', () => {
    history.refuse(submissions[4] as Submission)
    expect(found(good.slice(0, 6))).toBeUndefined()
    expect(found(good)).toBe('refused')
  })

  it('finds a command id apart from its events', () => {
    expect(found(good, { commands: new Map([['c', undefined]]) })).toBe('state')
    const elsewhere = new Map([['c', receiptOf(good.slice(1, 4))]])
    expect(found(good, { commands: elsewhere })).toBe('state')
  })

  it('finds agenda, lease and pin apart from their batch', () => {
    const changes = {
      agenda: [{ id: 'wake', due: 5 }],
      leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 10 }],
      pins: [{ pin: 'p', from: 1 }],
    } as const
    history.submit({ events: [event('a', 8)], durability: 'sync', ...changes })
    const last = { ...(good[5] as RawEvent), position: 8, seq: 5, data: 8 }
    const whole = {
      agenda: [{ id: 'wake', due: 5, data: undefined }],
      leases: new Map([['l', { lease: 'l', owner: 'me', token: 1, until: 11, held: true }]]),
      pins: [{ pin: 'p', stream: undefined, from: 1, until: undefined }],
    }
    const none = { leases: new Map([['l', undefined]]) }
    expect(found([...good, last], whole)).toBeUndefined()
    expect(found(good, none)).toBeUndefined()
    expect(found(good, { ...whole })).toBe('state')
    expect(found([...good, last], { ...whole, agenda: [] })).toBe('state')
    expect(found([...good, last], { ...whole, ...none })).toBe('state')
    expect(found([...good, last], { ...whole, pins: [] })).toBe('state')
  })

  it('takes a batch without events for there or not, but not against its acknowledgement', () => {
    const set = history.submit({ events: [], agenda: [{ id: 'wake', due: 5 }], durability: 'sync' })
    const there = { agenda: [{ id: 'wake', due: 5, data: undefined }] }
    expect(found(good, there)).toBeUndefined()
    expect(found(good)).toBeUndefined()
    history.acknowledge(set, { ...receiptOf([]), position: 7 })
    expect(found(good, there)).toBeUndefined()
    expect(found(good)).toBe('state')
  })

  it('holds later recoveries to what was found once', () => {
    expect(history.judge(contents(good), { settle: true })).toBeUndefined()
    expect(found(good)).toBeUndefined()
    expect(found(good.slice(0, 6))).toBe('lost')
    expect(found(good.map((raw) => ({ ...raw, sum: 'other' })))).toBe('altered')
  })

  it('gives numbers anew that were never seen', () => {
    expect(history.judge(contents(good.slice(0, 6)), { settle: true })).toBeUndefined()
    history.submit(single('b', 70))
    const last = { ...(good[6] as RawEvent), data: 70 }
    expect(found([...good.slice(0, 6), last])).toBeUndefined()
    expect(found(good)).not.toBeUndefined()
  })

  it('lets a process end anywhere behind what it acknowledged, and the next go on from there', () => {
    const pending = history.submit(single('b', 8))
    history.nextProcess()
    const next = history.submit(single('a', 9))
    const at = (raw: RawEvent | undefined, place: Partial<RawEvent>) => ({ ...(raw as RawEvent), ...place })
    const last = at(good[0], { position: 7, seq: 5, data: 9 })
    expect(found([...good.slice(0, 6), last])).toBeUndefined()
    expect(found([...good, { ...last, position: 8 }])).toBeUndefined()
    history.acknowledge(next, receiptOf([last]))
    expect(found(good)).toBe('lost')
    history.acknowledge(pending, receiptOf([at(good[1], { position: 8, seq: 4 })]))
    expect(found([...good.slice(0, 6), last])).toBe('lost')
  })

  it('lets a process end before a batch without events, and the next go on from there', () => {
    history.submit({ events: [], durability: 'sync', agenda: [{ id: 'due', due: 1 }] })
    history.submit(single('b', 8))
    history.nextProcess()
    const next = history.submit(single('a', 9))
    const last = { ...(good[0] as RawEvent), position: 8, seq: 5, data: 9 }
    history.acknowledge(next, receiptOf([last]))
    const agenda = [{ id: 'due', due: 1, data: undefined }]
    expect(history.judge(contents([...good, last]), { settle: false })).toBeUndefined()
    expect(history.judge({ ...contents([...good, last]), agenda }, { settle: false })).toBeUndefined()
    const other = [{ id: 'due', due: 2, data: undefined }]
    expect(history.judge({ ...contents([...good, last]), agenda: other }, { settle: false })?.kind).toBe('state')
  })

  it('lets a later process be told of a command that an earlier one applied, behind which nothing else is there', () => {
    const command = { ...single('b', 8), command: { id: 'd', digest: '0' } }
    const first = history.submit(command)
    history.submit(single('b', 9))
    history.nextProcess()
    const again = history.submit(command)
    const last = { ...(good[1] as RawEvent), position: 8, seq: 4, data: 8 }
    const receipt = receiptOf([last])
    history.acknowledge(first, receipt)
    history.acknowledge(again, { ...receipt, duplicate: true })
    const { commands } = contents(good)
    const both = new Map([...commands, ['d', receipt]])
    expect(history.judge(contents([...good, last], { commands: both }), { settle: false })).toBeUndefined()
    expect(found(good, { commands: both })).toBe('lost')
  })

  it('takes with a later removal what an earlier one did not get to', () => {
    history.judge(contents(good), { settle: true })
    const first = history.remove(({ stream, seq }) => stream === 'a' && seq <= 2)
    expect(found(good)).toBeUndefined()
    expect(first.fate).toBe('undone')
    const second = history.remove(({ stream, seq }) => stream === 'a' && seq <= 2)
    expect(found(good.filter(({ position }) => position !== 1 && position !== 3))).toBeUndefined()
    expect(second.fate).toBe('done')
  })

  it('lets a later process be told of what was there before, although the one before got no further', () => {
    history.submit(single('b', 8))
    history.nextProcess()
    const again = history.submit(batches[2] as Batch)
    history.acknowledge(again, { ...receiptOf(good.slice(2, 5)), duplicate: true })
    const nothing = history.submit({ events: [], durability: 'sync', command: { id: 'none', digest: 'd' } })
    history.acknowledge(nothing, receiptOf([]))
    expect(found(good)).toBeUndefined()
    expect(found(good.slice(0, 5))).toBe('lost')
  })

  it('lets a process end among batches without events, and the next go on from there', () => {
    const due = (id: string): Batch => ({ events: [], durability: 'sync', agenda: [{ id, due: 1 }] })
    history.submit(due('one'))
    history.submit(due('two'))
    history.nextProcess()
    history.submit(single('a', 9))
    const last = { ...(good[0] as RawEvent), position: 8, seq: 5, data: 9 }
    const item = (id: string) => ({ id, due: 1, data: undefined })
    expect(found([...good, last])).toBeUndefined()
    expect(found([...good, last], { agenda: [item('one')] })).toBeUndefined()
    expect(found([...good, last], { agenda: [item('one'), item('two')] })).toBeUndefined()
    expect(found([...good, last], { agenda: [item('two')] })).toBe('state')
  })

  it('lets a process end among batches without events, and the next go on with such batches only', () => {
    const due = (id: string): Batch => ({ events: [], durability: 'sync', agenda: [{ id, due: 1 }] })
    history.submit(due('one'))
    history.submit(due('two'))
    history.nextProcess()
    history.acknowledge(history.submit(due('three')), receiptOf([]))
    const item = (id: string) => ({ id, due: 1, data: undefined })
    expect(found(good, { agenda: [item('one'), item('three')] })).toBeUndefined()
    expect(found(good, { agenda: [item('three')] })).toBeUndefined()
    expect(found(good, { agenda: [item('two'), item('three')] })).toBe('state')
    expect(found(good, { agenda: [item('one')] })).toBe('state')
  })

  it('lets retention take all of what it was asked to take, or nothing, and never gives it back', () => {
    history.judge(contents(good), { settle: true })
    const removal = history.remove(({ stream, seq }) => stream === 'a' && seq <= 2)
    const isKept = ({ position }: RawEvent) => position !== 1 && position !== 3
    expect(found(good.filter(({ position }) => position !== 1))).toBe('returned')
    expect(found(good.filter(isKept))).toBeUndefined()
    expect(removal.fate).toBe('done')
    expect(found(good)).toBe('returned')
  })

  it('checks a real store, and goes on from where the truth is known', async () => {
    const store = memoryStore({ clock: fakeClock(), random: seededRandom(1) })
    const fresh = new History()
    await Promise.all(batches.map((batch) => fresh.append(store, batch)))
    expect(await fresh.append(store, { ...single('a', 8), expect: new Map([['a', 1]]) })).toMatchObject({
      code: 'SEQ_CONFLICT',
    })
    await fresh.append(store, { ...single('a', 9), durability: 'eventual' })
    await fresh.flush(store)
    expect(await fresh.check(store, { settle: true })).toBeUndefined()
    expect([fresh.settledPosition, fresh.acknowledgements]).toEqual([8, 6])
    await fresh.append(store, single('c', 10))
    expect(await fresh.check(store, { settle: true, from: 9 })).toBeUndefined()
    await store.append(single('c', 11))
    expect(await fresh.check(store, { settle: true, from: 9 })).toMatchObject({ kind: 'invented' })
  })
})
