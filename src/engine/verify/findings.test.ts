import { describe, expect, it } from 'vitest'
import { Findings } from './findings.ts'

describe('findings', () => {
  it('are kept as they were told; only damage is not ok', () => {
    const findings = new Findings()
    findings.note('a', 'f', 'm')
    findings.warning('b', 'f', 'm', { offset: 3, repair: 'caches' })
    expect(findings.isOk).toBe(true)
    findings.damage('c', 'g', 'm')
    expect(findings.isOk).toBe(false)
    expect(findings.all()).toEqual([
      { severity: 'note', kind: 'a', file: 'f', offset: undefined, message: 'm', repair: undefined },
      { severity: 'warning', kind: 'b', file: 'f', offset: 3, message: 'm', repair: 'caches' },
      { severity: 'damage', kind: 'c', file: 'g', offset: undefined, message: 'm', repair: undefined },
    ])
  })

  it('are bounded: what is left out is told, and damage among it still counts', () => {
    const findings = new Findings()
    for (let number = 0; number < 10_000; number++) findings.note('n', 'f', String(number))
    expect(findings.all()).toHaveLength(10_000)
    findings.damage('d', 'f', 'm')
    expect(findings.isOk).toBe(false)
    const all = findings.all()
    expect(all).toHaveLength(10_001)
    expect(all.at(-1)).toMatchObject({ kind: 'findings-omitted', severity: 'note' })
    expect(all.some(({ kind }) => kind === 'd')).toBe(false)
  })
})
