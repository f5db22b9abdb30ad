// From a row to an event, or DAMAGED: the checksum over the text, and the text's own place against the place it was found
// at. Nothing that a read gives passes by here.

import { sumOfText } from '../../core/event-bytes.ts'
import { parseEventLine } from '../../core/record.ts'
import type { HoldfastError } from '../../errors.ts'
import type { RawEvent } from '../store.ts'
import { rowDamaged } from './row-sum.ts'
import type { EventRow } from './rows.ts'

export function checkedEvent(row: EventRow, options: { readonly label: string; readonly withText: boolean }): RawEvent {
  const { position, text, sum } = row
  if (sumOfText(text) !== sum) throw eventDamaged(options.label, position, 'its text does not match its checksum')
  const event = parseEventLine(`${text.slice(0, -1)},"sum":"${sum}","link":"00000000"}`, options.withText)
  const isInPlace =
    event.position === position &&
    event.stream === row.stream &&
    event.seq === row.seq &&
    event.time === row.time &&
    event.type === row.type
  if (!isInPlace) throw eventDamaged(options.label, position, 'another event stands at its place')
  return event
}

export function eventDamaged(file: string, position: number, what: string): HoldfastError {
  return rowDamaged({ file, table: 'event', position }, `position ${position}: ${what}`)
}
