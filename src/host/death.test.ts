// Death is proven by a table: each row with what makes it the first that fits.

import { describe, expect, it } from 'vitest'
import { type DeathFacts, deathCases, judgeDeath, markText, type ProcessMark, parseMark } from './death.ts'

const mark: ProcessMark = {
  boot: '0123456789abcdef0123456789abcdef',
  namespaces: '4026531836-4026531834',
  pid: 4_711,
  started: '123456',
  nonce: 'fedcba9876543210',
}
const there: DeathFacts = { mark, here: mark, hasNote: true, seen: { started: mark.started, hasEnded: false } }

/** By the name of the case: what makes it so, all else being as if the process were there. */
const facts: Readonly<Record<string, Partial<DeathFacts>>> = {
  'no mark': { mark: undefined, seen: 'nothing' },
  'no identity here': { here: undefined, seen: 'nothing' },
  'another boot': { here: { ...mark, boot: mark.boot.replaceAll('0', '1') }, seen: 'nothing' },
  'other namespaces': { here: { ...mark, namespaces: '4026532201-4026531834' }, seen: 'nothing' },
  'no note': { hasNote: false, seen: 'nothing' },
  hidden: { seen: 'hidden' },
  'no such process': { seen: 'nothing' },
  'its pid has another': { seen: { started: '123457', hasEnded: false } },
  'ended, and not waited for': { seen: { started: mark.started, hasEnded: true } },
  there: {},
}

describe('the death of a process', () => {
  for (const { name, verdict } of deathCases) {
    it(`${name}: ${verdict}`, () => {
      const case_ = facts[name]
      expect(case_).toBeDefined()
      expect(judgeDeath({ ...there, ...case_ })).toMatchObject({ name, verdict })
    })
  }

  it('is proven by three cases alone', () => {
    const proven = deathCases.filter(({ verdict }) => verdict === 'dead').map(({ name }) => name)
    expect(proven).toEqual(['no such process', 'its pid has another', 'ended, and not waited for'])
    expect(Object.keys(facts)).toEqual(deathCases.map(({ name }) => name))
  })
})

describe('a mark', () => {
  it('is read as it was written', () => {
    expect(parseMark(markText(mark))).toEqual(mark)
  })

  for (const text of [
    '',
    'x',
    markText({ ...mark, boot: '../../../etc/passwd' }),
    markText({ ...mark, namespaces: '1' }),
    markText({ ...mark, pid: 0 }),
    markText({ ...mark, pid: -1 }),
    markText({ ...mark, pid: 1.5 }),
    markText({ ...mark, started: '' }),
    markText({ ...mark, nonce: '../00000000000000' }),
    `${markText(mark)}\n`,
    ` ${markText(mark)}`,
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => expect(parseMark(text)).toBeUndefined())
  }
})
