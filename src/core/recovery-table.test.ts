// The table of FORMAT.md, section 7, row by row: what is found at the end of a log, and what recovery then does.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeTail, type TailCase, type TailFacts, tailTable } from './recovery-table.ts'

/** fileBytes, witness, complete, above; then what applies. */
const rows: readonly (readonly [TailCase, number, number, number, TailFacts['above'], string])[] = [
  // name, fileBytes, witness, complete, above, consequence
  ['short', 99, 100, 99, 'nothing', 'refuse'],
  ['short', 99, 100, 50, 'nothing', 'refuse'],
  ['damaged', 100, 100, 99, 'nothing', 'refuse'],
  ['damaged', 200, 100, 99, 'nothing', 'refuse'],
  ['clean', 100, 100, 100, 'nothing', ''],
  ['resting', 150, 100, 150, 'witnesses', 'cut'],
  ['resting-torn', 151, 100, 150, 'witnesses', 'setAside cut'],
  ['resting-torn', 101, 100, 100, 'nothing', 'setAside cut'],
  ['carry', 150, 100, 150, 'records', 'cut carry'],
  ['carry-torn', 151, 100, 150, 'records', 'setAside cut carry'],
]

describe('the end of a log', () => {
  it.each(rows)('is %s with %i bytes, witness %i, complete to %i, above it %s: %s', (...row) => {
    const [name, fileBytes, witness, complete, above, consequence] = row
    const verdict = judgeTail({ fileBytes, witness, complete, above })
    expect(verdict.name).toBe(name)
    const { refuse, setAside, cut, carry } = verdict.then
    const said = Object.entries({ refuse, setAside, cut, carry }).flatMap(([what, is]) => (is ? [what] : []))
    expect(said.join(' ')).toBe(consequence)
  })

  it('has a row for each case, with its reason, and each was met above', () => {
    expect(new Set(rows.map(([name]) => name))).toEqual(new Set(tailTable.map(({ name }) => name)))
    expect(tailTable.filter(({ why }) => why.length < 20)).toEqual([])
  })

  it('is never cut below what is vouched for, nor without a copy of what is no record', () => {
    const bytes = fc.integer({ min: 0, max: 8 })
    const above = fc.constantFrom('nothing', 'witnesses', 'records' as const)
    fc.assert(
      fc.property(bytes, bytes, bytes, above, (fileBytes, witness, complete, what) => {
        const { then } = judgeTail({ fileBytes, witness, complete: Math.min(complete, fileBytes), above: what })
        if (fileBytes < witness || Math.min(complete, fileBytes) < witness) expect(then.refuse).toBe(true)
        else expect(then.refuse).toBe(false)
        if (then.refuse) expect(then).toMatchObject({ setAside: false, cut: false, carry: false })
        if (then.cut && Math.min(complete, fileBytes) < fileBytes) expect(then.setAside).toBe(true)
        if (then.cut && what === 'records') expect(then.carry).toBe(true)
      }),
    )
  })
})
