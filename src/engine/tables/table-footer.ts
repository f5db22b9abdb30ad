// The footer of a table: what is needed to read the rest. JSON, so that a person can look at it with `tail -c`.

import { isCount, isPointer, type Pointer } from './pointer.ts'
import { TableDamaged } from './table-damaged.ts'

const format = 1

export interface TableFooter {
  readonly entries: number
  readonly tombstones: number
  readonly firstKey: string
  readonly lastKey: string
  /** Levels of index blocks above the data blocks; 0 when the root is the only data block. */
  readonly height: number
  readonly root: Pointer
  readonly bloom: Pointer
}

export function encodeFooter(footer: TableFooter): Buffer {
  return Buffer.from(`\n${JSON.stringify({ format, ...footer })}\n`)
}

export function decodeFooter(bytes: Buffer, place: { readonly file: string; readonly offset: number }): TableFooter {
  const parsed = parse(bytes)
  if (!isFooter(parsed)) throw new TableDamaged(place.file, place.offset, 'the footer is not one of format 1')
  return parsed
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    // Not JSON is one way of not being a footer; the caller says so.
    return undefined
  }
}

function isFooter(value: unknown): value is TableFooter {
  if (typeof value !== 'object' || value === null) return false
  const footer = value as Partial<Record<keyof TableFooter | 'format', unknown>>
  return (
    footer.format === format &&
    isCount(footer.entries) &&
    isCount(footer.tombstones) &&
    isCount(footer.height) &&
    typeof footer.firstKey === 'string' &&
    typeof footer.lastKey === 'string' &&
    isPointer(footer.root) &&
    isPointer(footer.bloom) &&
    footer.bloom.length > 0
  )
}
