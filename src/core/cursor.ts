// Cursors: where a reader stands, as text that it keeps and hands back. For a client it is opaque; for a person who looks
// at a log it is `1-<epoch>-<position>-<sum>`, where 1 is the version of this form.
// Invariant: only what encodeCursor can have written is decoded, so equal places have equal cursors.

import { assert, HoldfastError } from '../errors.ts'
import type { Position } from './numbers.ts'

export interface CursorPlace {
  /** 32 hexadecimal digits. */
  readonly epoch: string
  readonly position: Position
  /** Checksum of the event at the position, eight hexadecimal digits; zeros at position 0. */
  readonly sum: string
}

const startSum = '00000000'
const epochPattern = /^[0-9a-f]{32}$/
const sumPattern = /^[0-9a-f]{8}$/
const cursorPattern = /^1-([0-9a-f]{32})-(0|[1-9][0-9]{0,15})-([0-9a-f]{8})$/

export function encodeCursor({ epoch, position, sum }: CursorPlace): string {
  assert(epochPattern.test(epoch), 'an epoch is 32 hexadecimal digits')
  assert(isPlace(position, sum), 'a position is a safe integer of 0 or more, with a checksum of zeros at 0')
  assert(sumPattern.test(sum), 'a checksum is 8 hexadecimal digits')
  return `1-${epoch}-${position}-${sum}`
}

export function decodeCursor(text: string): CursorPlace {
  const match = typeof text === 'string' ? cursorPattern.exec(text) : null
  if (match === null) throw invalid(text)
  const [, epoch = '', digits, sum = ''] = match
  const position = Number(digits)
  if (!isPlace(position, sum)) throw invalid(text)
  return { epoch, position, sum }
}

function isPlace(position: number, sum: string): boolean {
  return Number.isSafeInteger(position) && position >= 0 && (position > 0 || sum === startSum)
}

function invalid(text: unknown): HoldfastError {
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : `of type ${typeof text}`
  return new HoldfastError('CURSOR_INVALID', `cursor ${shown} is not one that a journal gave out`, {
    hint: 'Hand back a cursor exactly as it was received, or start without one.',
  })
}
