import { describe, expect, it } from 'vitest'
import type { Control } from './control.ts'
import { controlText, isExportedKind } from './control-text.ts'

describe('a control record in an export', () => {
  it('has its fields in one order, whatever order they come in, and none that is not there', () => {
    const agenda: Control = { data: { at: 1 }, due: 5, id: 'a', control: 'agenda' }
    expect(controlText(agenda)).toBe('{"control":"agenda","id":"a","due":5,"data":{"at":1}}')
    expect(controlText({ due: null, control: 'agenda', id: 'a' })).toBe('{"control":"agenda","id":"a","due":null}')
  })

  it('has no field that only means something in the log where it stood', () => {
    const blob: Control = { control: 'blob', digest: 'd', bytes: 3, chunks: [['c', 3]] }
    expect(controlText(blob)).toBe('{"control":"blob","digest":"d","bytes":3}')
  })

  it('is of no kind that only means something there', () => {
    for (const kind of ['agenda', 'lease', 'command', 'forget', 'pin', 'released', 'blob', 'removed', 'witness'])
      expect(isExportedKind(kind), kind).toBe(true)
    for (const kind of ['retain', 'rewrite', 'toString', '', undefined, 5, ['agenda']])
      expect(isExportedKind(kind), String(kind)).toBe(false)
    const retain: Control = { control: 'retain', time: 5 }
    expect(() => controlText(retain)).toThrow(expect.objectContaining({ code: 'ASSERTION' }))
  })
})
