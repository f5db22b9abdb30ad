// C2.7, C4.4, C5.3

import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../errors.ts'
import { createJournal } from '../journal.ts'
import type { RetentionRule, Store } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import type { AutomaticRetention, RetentionOptions } from './retention.ts'

const noted = { type: 'noted' }

/** Lets what was planned for now run to its end. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('retain', () => {
  it('says durations as people do, and does nothing on a dry run', async () => {
    const { journal, clock } = memoryJournal()
    await journal.append('a', noted, { commandId: 'c' })
    clock.advance(86_400_000)
    await journal.append('a', noted)
    clock.advance(1)
    const rule = { olderThan: '1d', commandsOlderThan: '1d' } as const
    expect(await journal.retain(rule, { dryRun: true })).toMatchObject({ dryRun: true, events: 1, commands: 1 })
    expect(await journal.command('c')).toBeDefined()
    expect(await journal.retain(rule)).toMatchObject({ dryRun: false, events: 1, commands: 1, streams: 1 })
    expect(await journal.head('a')).toMatchObject({ seq: 2, earliest: 2 })
  })

  it('removes what appends released, and whole streams', async () => {
    const { journal } = memoryJournal()
    await journal.append('entity/1', [noted, noted, { type: 'removed' }], { releases: [{ stream: 'entity/1' }] })
    await journal.append('entity/1', noted)
    expect(await journal.retain({ released: true })).toMatchObject({ events: 3 })
    expect((await journal.read('entity/1').toArray()).map((event) => event.seq)).toEqual([4])
    expect(await journal.retain({ streams: [{ stream: 'entity/1', before: 'all' }] })).toMatchObject({ events: 1 })
    expect(await journal.append('entity/1', noted)).toMatchObject({ seq: 5 })
  })

  it('refuses what it does not understand', async () => {
    const { journal } = memoryJournal()
    const wrong = [
      { olderThan: 'soon' },
      { bytesMax: -1 },
      { segmentsMax: 0.5 },
      { streams: [{ stream: 'a', before: -1 }] },
    ]
    for (const rule of [...wrong, undefined]) {
      const retained = journal.retain(rule as RetentionOptions)
      await expect(retained, JSON.stringify(rule)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('automatic retention', () => {
  it('looks after growth, off the append path', async () => {
    const { journal, clock } = memoryJournal({ retention: { bytesMax: 0, everyEvents: 3 } })
    clock.advance(0)
    await settle()
    await journal.append('a', [noted, noted])
    clock.advance(0)
    await settle()
    expect(await journal.head()).toMatchObject({ earliest: 1 })
    await journal.append('a', noted)
    expect(await journal.head()).toMatchObject({ earliest: 1 })
    clock.advance(0)
    await settle()
    expect(await journal.head()).toMatchObject({ position: 3, earliest: 4 })
    await journal.append('a', { type: 'noted', data: 'x'.repeat(100) })
    clock.advance(0)
    await settle()
    expect(await journal.head()).toMatchObject({ position: 4, earliest: 4 })
  })

  it('counts bytes of data and meta too', async () => {
    const { journal, clock } = memoryJournal({ retention: { bytesMax: 0, everyBytes: 200 } })
    clock.advance(0)
    await settle()
    await journal.append('a', { type: 'noted', data: 'x'.repeat(100), meta: 'x'.repeat(100) })
    clock.advance(0)
    await settle()
    expect(await journal.head()).toMatchObject({ position: 1, earliest: 2 })
  })

  it('looks at intervals when a rule is by age', async () => {
    const { journal, clock } = memoryJournal({ retention: { olderThan: '1h' } })
    await journal.append('a', noted)
    for (let minutes = 0; minutes < 66; minutes += 3) {
      clock.advance(180_000)
      await settle()
    }
    expect(await journal.head()).toMatchObject({ position: 1, earliest: 2 })
    await journal.close()
    expect(clock.waiting).toBe(0)
  })

  it('runs once at a time, goes on after a failure, and tells health', async () => {
    const clock = fakeClock()
    const { store } = memoryJournal()
    const rules: RetentionRule[] = []
    const answers: (() => void)[] = []
    let isFailing = true
    const slow = new Proxy(store as Store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name === 'retain') {
          return async (rule: RetentionRule) => {
            rules.push(rule)
            await new Promise<void>((resolve) => answers.push(resolve))
            if (isFailing) throw new HoldfastError('IO', 'no')
            return target.retain(rule, { dryRun: false })
          }
        }
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const journal = createJournal(slow, { clock, retention: { bytesMax: 0, everyEvents: 1 } })
    clock.advance(0)
    await journal.append('a', noted)
    await journal.append('a', noted)
    clock.advance(0)
    expect(rules.length).toBe(1)
    answers[0]?.()
    await settle()
    expect(await journal.health()).toMatchObject({ ok: false, checks: [{}, {}, { name: 'retention', ok: false }] })
    isFailing = false
    clock.advance(0)
    expect(rules).toEqual([{ bytesMax: 0 }, { bytesMax: 0 }])
    answers[1]?.()
    await settle()
    expect(await journal.health()).toMatchObject({ ok: true })
    expect(await journal.head()).toMatchObject({ earliest: 3 })
    await journal.append('a', noted)
    clock.advance(0)
    const closed = journal.close()
    answers[2]?.()
    await closed
    expect(clock.waiting).toBe(0)
  })

  it('refuses a rule that it could never carry out', () => {
    const wrong = [{ olderThan: 'soon' }, { everyEvents: -1 }, { streams: [] }]
    for (const retention of wrong) {
      expect(() => memoryJournal({ retention: retention as AutomaticRetention })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      )
    }
  })
})
