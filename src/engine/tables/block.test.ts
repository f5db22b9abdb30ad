import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../core/utf8-order.ts'
import { isHoldfastError } from '../../errors.ts'
import { Block } from './block.ts'
import { BlockBuilder } from './block-builder.ts'
import type { Entry } from './entry.ts'
import { TableDamaged } from './table-damaged.ts'

const place = { file: 'state/1.table', offset: 7 }

function build(entries: readonly Entry[]): Buffer {
  const builder = new BlockBuilder(64)
  for (const [key, value] of entries) builder.add(key, value)
  return Buffer.from(builder.take())
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é', '\uffff', '\u{10000}', '\u{1f600}'), maxLength: 6 })
const entries = fc
  .uniqueArray(fc.tuple(text, fc.option(fc.oneof(text, fc.string({ unit: 'grapheme', maxLength: 300 })))), {
    selector: ([key]) => key,
  })
  .map((list) => list.sort((a, b) => compareUtf8(a[0], b[0])))

describe('a block', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const block = new Block(build(list), place)
        expect(block.keys.map((key, index) => [key, block.value(index)])).toEqual(list)
      }),
      { numRuns: 500 },
    )
  })

  it('finds the first key that is not before another', () => {
    fc.assert(
      fc.property(entries, text, (list, key) => {
        const before = list.filter((entry) => compareUtf8(entry[0], key) < 0).length
        expect(new Block(build(list), place).lowerBound(key)).toBe(before)
      }),
      { numRuns: 500 },
    )
  })

  it('grows for keys and values of any size', () => {
    const list: Entry[] = [
      ['k'.repeat(1_000), 'v'.repeat(100_000)],
      [`${'k'.repeat(1_000)}é`, '€'.repeat(20_000)],
    ]
    const block = new Block(build(list), place)
    expect([block.value(0), block.value(1)]).toEqual([list[0]?.[1], list[1]?.[1]])
    expect(block.keys).toEqual(list.map((entry) => entry[0]))
  })

  it.each([
    ['ends within a length', [0x80]],
    ['has a length without end', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ['shares more than there was', [1, 1, 1, 0x61]],
    ['has a suffix beyond the end', [0, 2, 1, 0x61]],
    ['has a value beyond the end', [0, 1, 9, 0x61]],
  ])('is damaged when an entry %s', (_, bytes) => {
    expect(() => new Block(Buffer.from(bytes), place)).toThrow(TableDamaged)
  })

  it('tells which file and offset are damaged', () => {
    try {
      new Block(Buffer.from([0x80]), place)
      expect.unreachable()
    } catch (error) {
      expect(isHoldfastError(error, 'DAMAGED') && error.details).toEqual(place)
    }
  })

  it('is damaged when an index entry is no pointer', () => {
    const block = new Block(
      build([
        ['a', 'short'],
        ['b', null],
      ]),
      place,
    )
    expect(() => block.pointer(0)).toThrow(TableDamaged)
    expect(() => block.pointer(1)).toThrow(TableDamaged)
  })
})

describe('building a block', () => {
  const caught = (run: () => void) => {
    try {
      run()
    } catch (error) {
      if (isHoldfastError(error)) return error.code
    }
    return undefined
  }

  it('refuses half a surrogate pair, which would come back as something else', () => {
    expect(caught(() => build([['\ud800', 'v']]))).toBe('INVALID_ARGUMENT')
    expect(caught(() => build([['k', 'v\udc00']]))).toBe('INVALID_ARGUMENT')
  })

  it('asserts the order, also from block to block', () => {
    const builder = new BlockBuilder(64)
    builder.add('b', '')
    builder.take()
    expect(caught(() => builder.add('b', ''))).toBe('ASSERTION')
    expect(caught(() => builder.add('a', ''))).toBe('ASSERTION')
    expect(caught(() => builder.add('c', ''))).toBeUndefined()
  })
})
