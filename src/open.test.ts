import { describe, expect, expectTypeOf, it } from 'vitest'
import type { StandardSchema } from './core/schema.ts'
import { type OpenOptions, open, parseTarget } from './open.ts'
import { fakeClock } from './testing/fake-clock.ts'
import { seededRandom } from './testing/seeded-random.ts'

describe('open', () => {
  it('opens a journal in memory', async () => {
    const clock = fakeClock(5_000)
    await using journal = await open('memory:', { clock, random: seededRandom(1) })
    await journal.append('a', { type: 'noted' })
    expect(journal.target).toBe('memory:')
    expect(await journal.read().toArray()).toMatchObject([{ time: 5_000 }])
  })

  it('takes the types of events from their definitions', async () => {
    const schema: StandardSchema<number> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as number }) },
    }
    await using journal = await open('memory:', { events: { counted: { schema } } })
    await journal.append('a', { type: 'counted', data: 1 })
    const [event] = await journal.tail(1)
    expectTypeOf(event?.data).toEqualTypeOf<number | undefined>()
    expectTypeOf(event?.type).toEqualTypeOf<'counted' | undefined>()
    expect(event?.data).toBe(1)
  })

  it('never finds a journal in memory that was there before', async () => {
    for (const options of [{ create: 'never' }, { readOnly: true }] satisfies OpenOptions[]) {
      await expect(open('memory:', options)).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    }
  })

  it('refuses wrong options', async () => {
    const wrong = [{ durability: 'maybe' }, { retention: { olderThan: 'soon' } }, { codecs: [{ tag: 'Date' }] }]
    for (const options of wrong) {
      await expect(open('memory:', options as OpenOptions)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('tells targets apart', () => {
    const path = (path: string) => ({ kind: 'file', path })
    expect(parseTarget('memory:')).toEqual({ kind: 'memory' })
    expect(parseTarget('./agent')).toEqual(path('./agent'))
    expect(parseTarget('agent')).toEqual(path('agent'))
    expect(parseTarget('C:\\agent')).toEqual(path('C:\\agent'))
    expect(parseTarget('d:/agent')).toEqual(path('d:/agent'))
    expect(parseTarget('file:///tmp/an%20agent')).toEqual(path('/tmp/an agent'))
    expect(parseTarget(new URL('file:///tmp/agent'))).toEqual(path('/tmp/agent'))
    for (const url of ['postgres://u@h/d?journal=j', 'postgresql://h/d']) {
      expect(parseTarget(url)).toEqual({ kind: 'postgres', url })
    }
    for (const target of ['mysql://localhost/x', 'http://localhost', 'memory:x', 'S3://bucket']) {
      expect(() => parseTarget(target)).toThrow(expect.objectContaining({ code: 'UNKNOWN_SCHEME' }))
    }
    expect(() => parseTarget('')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})
