// What the state says of a key while it is read, changes and is written out.

import { describe, expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { State } from './state.ts'
import { stateKeys } from './state-keys.ts'
import { MemoryRows } from './state-memory.ts'
import type { Entry } from './tables/entry.ts'
import type { TableSet } from './tables/table-set.ts'

/** Tables that can be held up: what is asked meanwhile is answered as it was when it was asked. */
class HeldTables {
  readonly #rows: Map<string, string | null> = new Map()
  lookups = 0
  held: Promise<void> = Promise.resolve()

  async get(key: string): Promise<string | undefined> {
    this.lookups++
    const answer = this.#rows.get(key) ?? undefined
    await this.held
    return answer
  }

  async flush(rows: Iterable<Entry>): Promise<void> {
    for (const [key, value] of rows) this.#rows.set(key, value)
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

  it('is written out in the order of keys as bytes, heads among the rest', () => {
    const heads = new Map([
      ['\u{10000}', old],
      ['￿', now],
    ])
    const entries = new Map<string, unknown>([
      ['w:x', null],
      ['a:x', { a: 1 }],
      ['i:x', 1],
    ])
    const rows = new MemoryRows({ heads, entries })
    expect(rows.length).toBe(5)
    expect([...rows]).toEqual([
      ['a:x', '{"a":1}'],
      ['h:￿', '[2,2,1]'],
      ['h:\u{10000}', '[1,1,1]'],
      ['i:x', '1'],
      ['w:x', null],
    ])
    expect([...new MemoryRows({ heads, entries: new Map([['a:x', 1]]) })].map(([of]) => of)).toEqual([
      'a:x',
      'h:￿',
      'h:\u{10000}',
    ])
  })
})
