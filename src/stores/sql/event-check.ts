// From a row to an event, or DAMAGED: the checksum over the text, and the text's own place against the place it was found
// at. Nothing that a read gives passes by here.

import { sumOfText } from '../../core/event-bytes.ts'
import { eventInText } from '../../core/event-text.ts'
import type { HoldfastError } from '../../errors.ts'
import type { RawEvent } from '../store.ts'
import { rowDamaged } from './row-sum.ts'
import type { EventRow } from './rows.ts'

export function checkedEvent(row: EventRow, options: { readonly label: string; readonly withText: boolean }): RawEvent {
  const { position, text, sum } = row
  if (sumOfText(text) !== sum) throw eventDamaged(options.label, position, 'its text does not match its checksum')
  const event = eventInText(text, row, sum)
  if (event === undefined) throw eventDamaged(options.label, position, 'another event stands at its place')
  return options.withText ? { ...event, text } : event
}

export function eventDamaged(file: string, position: number, what: string): HoldfastError {
  return rowDamaged({ file, table: 'event', position }, `position ${position}: ${what}`)
}
