// What the state says of a key while it is read, changes and is written out.

import { describe, expect, it } from 'vitest'
import type { Control, LeaseControl } from '../core/control.ts'
import { limits } from '../limits.ts'
import { State } from './state.ts'
import { StateEntries } from './state-entries.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'
import { MemoryRows } from './state-memory.ts'
import type { Entry } from './tables/entry.ts'
import type { TableSet } from './tables/table-set.ts'

/** Tables that can be held up: what is asked meanwhile is answered as it was when it was asked. */
class HeldTables {
  readonly #rows: Map<string, string | null> = new Map()
  lookups = 0
  held: Promise<void> = Promise.resolve()
  /** What was written out last. */
  written: readonly Entry[] = []
  hasFilters = false
  isFailing = false

  excludes(key: string): boolean {
    return this.hasFilters && !this.#rows.has(key)
  }

  async get(key: string): Promise<string | undefined> {
    this.lookups++
    const answer = this.#rows.get(key) ?? undefined
    await this.held
    return answer
  }

  async *scan({ prefix, overlay }: { readonly prefix: string; readonly overlay: Iterable<Entry> }) {
    const rows = new Map([...this.#rows, ...overlay])
    yield [...rows].filter(([key, value]) => key.startsWith(prefix) && value !== null).sort()
  }

  async flush(rows: Iterable<Entry>): Promise<void> {
    if (this.isFailing) throw new Error('the disk is full')
    this.written = [...rows]
    for (const [key, value] of this.written) this.#rows.set(key, value)
  }
}

function scene() {
  const tables = new HeldTables()
  const scalars = { position: 0, time: 0, cut: 0, keep: new Map(), truncating: new Map(), forgetBefore: 0 }
  const state = new State(tables as unknown as TableSet, scalars)
  const write = async (): Promise<void> => {
    state.freeze()
    await state.flush('')
  }
  const setMany = (count: number): void => {
    for (let at = 0; at < count; at++) {
      state.setEntry(stateKeys.command(`other-${at}`), at)
      state.setHead(`other-${at}`, { seq: 1, position: at, segment: 1 })
    }
  }
  return { tables, state, write, setMany }
}

const key = stateKeys.command('a')
const old = { seq: 1, position: 1, segment: 1 }
const now = { seq: 2, position: 2, segment: 1 }

describe('the state', () => {
  it.each([0, limits.stateCacheMax])(
    'gives what was set while the tables were asked, though it was written out and let go of (%d others)',
    async (others) => {
      const { tables, state, write, setMany } = scene()
      let goOn: () => void = () => undefined
      tables.held = new Promise((resolve) => {
        goOn = resolve
      })
      const asked = Promise.all([state.loadEntry(key), state.loadHead('a')])
      state.setEntry(key, 'new')
      state.setHead('a', now)
      setMany(others)
      await write()
      goOn()
      expect(await asked).toEqual(['new', now])
      expect([await state.loadEntry(key), await state.loadHead('a')]).toEqual(['new', now])
    },
  )

  it('keeps nothing below a cut whose record names no stream, whatever the one before it named', () => {
    const { state } = scene()
    state.finishRetain({ control: 'retain', time: 1, before: 10, keep: [['a', 3]] })
    expect(state.scalars).toMatchObject({ cut: 10, keep: new Map([['a', 3]]) })
    state.finishRetain({ control: 'retain', time: 2, before: 20 })
    expect(state.scalars.cut).toBe(20)
    expect([...state.scalars.keep]).toEqual([])
  })

  it('never gives what was looked up before it changed', async () => {
    const { state, write, setMany } = scene()
    state.setEntry(key, 'old')
    state.setHead('a', old)
    await write()
    setMany(1)
    await write()
    expect([await state.loadEntry(key), await state.loadHead('a')]).toEqual(['old', old])
    state.setEntry(key, 'new')
    state.setHead('a', now)
    await write()
    setMany(1)
    await write()
    expect([await state.loadEntry(key), await state.loadHead('a')]).toEqual(['new', now])
  })

  it('remembers what the last seal wrote, and what was looked up, and no more than that', async () => {
    const { tables, state, write, setMany } = scene()
    state.setEntry(key, 'old')
    state.setHead('a', old)
    await write()
    expect([state.entry(key), state.head('a')]).toEqual(['old', old])
    setMany(limits.stateCacheMax + 1)
    await write()
    expect([state.entry(key), state.head('a')]).toEqual([undefined, undefined])
    expect([state.entry(stateKeys.command('other-0')), state.head('other-0')]).toEqual([undefined, undefined])
    await state.loadEntry(key)
    await state.loadHead('a')
    const { lookups } = tables
    expect([await state.loadEntry(key), await state.loadHead('a')]).toEqual(['old', old])
    expect(tables.lookups).toBe(lookups)
  })

  it('knows without asking of what the tables can say that they do not have it', async () => {
    const { tables, state, write } = scene()
    expect([state.entry(key), state.head('a')]).toEqual([undefined, undefined])
    tables.hasFilters = true
    expect([state.entry(key), state.head('a')]).toEqual([null, null])
    expect([await state.loadEntry(key), await state.loadHead('a')]).toEqual([null, null])
    expect(tables.lookups).toBe(0)
    state.setEntry(key, 'new')
    state.setHead('a', now)
    await write()
    expect([state.entry(key), state.head('a')]).toEqual(['new', now])
  })

  describe('of an entry of the agenda and a lease that come and go', () => {
    const agenda = (due: number | null): Control => ({ control: 'agenda', id: 'a', due })
    const taken: LeaseControl = { control: 'lease', lease: 'a', owner: 'me', token: 1, until: 9, held: true }
    const given: LeaseControl = { ...taken, held: false, gone: true }
    const at = [1, 0] as const

    function known() {
      const scenery = scene()
      scenery.tables.hasFilters = true
      const apply = (...controls: readonly Control[]): void => {
        for (const control of controls) scenery.state.apply(control, at)
      }
      const rows = (): readonly string[] => scenery.tables.written.map(([of, value]) => `${of} ${value}`)
      return { ...scenery, apply, rows }
    }
    const dueKey = (due: number): string => `d:${String(due).padStart(16, '0')}:a`
    const agendaRow = (due: number): string => `a:a {"control":"agenda","id":"a","due":${due}}`

    it('writes out nothing, when both were between two seals', async () => {
      const { apply, write, rows, state } = known()
      apply(agenda(5), taken, agenda(6), { ...taken, token: 2 }, agenda(null), given)
      await write()
      expect(rows()).toEqual([])
      expect([state.entry(stateKeys.agenda('a')), state.entry(stateKeys.lease('a'))]).toEqual([null, null])
    })

    it('writes out what is there in the end', async () => {
      const { apply, write, rows, state } = known()
      apply(agenda(5), taken, given, agenda(6))
      await write()
      expect(rows()).toEqual([agendaRow(6), `${dueKey(6)} 1`])
      expect(state.entry(stateKeys.agenda('a'))).toEqual(agenda(6))
    })

    it('says that it is gone, when an earlier seal has written it out, however often it came back', async () => {
      const { apply, write, rows, state } = known()
      apply(agenda(5), taken)
      await write()
      apply(agenda(null), given, agenda(5), taken, agenda(null), given)
      await write()
      expect(rows()).toEqual(['a:a null', `${dueKey(5)} null`, 'l:a null'])
      expect([state.entry(stateKeys.agenda('a')), state.entry(stateKeys.lease('a'))]).toEqual([null, null])
    })

    it('says so too, when it went, came back and went while a seal failed', async () => {
      const { apply, write, rows, tables, state } = known()
      apply(agenda(5), taken)
      await write()
      apply(agenda(null), given)
      state.freeze()
      apply(agenda(5), taken)
      tables.isFailing = true
      await expect(state.flush('')).rejects.toThrow('full')
      tables.isFailing = false
      state.thaw()
      apply(agenda(null), given)
      await write()
      expect(rows()).toEqual(['a:a null', `${dueKey(5)} null`, 'l:a null'])
    })

    it('keeps what orders it when a time holds again that was given up while a seal failed', async () => {
      const { apply, write, rows, tables, state } = known()
      apply(agenda(5))
      await write()
      apply(agenda(6))
      state.freeze()
      apply(agenda(5))
      tables.isFailing = true
      await expect(state.flush('')).rejects.toThrow('full')
      tables.isFailing = false
      state.thaw()
      await write()
      expect(rows()).toEqual([agendaRow(5), `${dueKey(5)} 1`, `${dueKey(6)} null`])
    })

    it('finds by time what lies in memory, under what is being written out and over it', async () => {
      const { apply, write, state } = known()
      const found = async (): Promise<readonly string[]> => {
        const keys: string[] = []
        for await (const page of state.scan<number>(kindPrefix.due)) keys.push(...page.map(([of]) => of))
        return keys
      }
      apply(agenda(5))
      expect(await found()).toEqual([dueKey(5)])
      state.freeze()
      expect(await found()).toEqual([dueKey(5)])
      apply(agenda(6))
      expect(await found()).toEqual([dueKey(6)])
      await state.flush('')
      expect(await found()).toEqual([dueKey(6)])
      apply(agenda(5))
      expect(await found()).toEqual([dueKey(5)])
      await write()
      apply(agenda(null))
      expect(await found()).toEqual([])
    })

    it('does not take what is not known for what is not there', async () => {
      const { apply, write, rows, tables } = known()
      tables.hasFilters = false // as when an opening folds the log, before any table was asked
      apply(taken, given)
      await write()
      expect(rows()).toEqual(['l:a null'])
    })
  })

  it('is written out in the order of keys as bytes, heads among the rest', () => {
    const heads = new Map([
      ['\u{10000}', old],
      ['￿', now],
    ])
    const entries = new StateEntries().set('w:x', null).set('a:x', null).set('i:y', 2).set('i:x', 1)
    const rows = new MemoryRows({ heads, entries })
    expect(rows.length).toBe(6)
    expect([...rows]).toEqual([
      ['a:x', null],
      ['h:￿', '[2,2,1]'],
      ['h:\u{10000}', '[1,1,1]'],
      ['i:x', '1'],
      ['i:y', '2'],
      ['w:x', null],
    ])
    expect([...new MemoryRows({ heads, entries: new StateEntries().set('a:x', null) })].map(([of]) => of)).toEqual([
      'a:x',
      'h:￿',
      'h:\u{10000}',
    ])
  })
})
