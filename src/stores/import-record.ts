// What stores that fill themselves from an import (load) share: records in pages, parsed and held against what they must
// look like, and refused with their index.

import type { Control } from '../core/control.ts'
import { sumOfText } from '../core/event-bytes.ts'
import { parseEventText } from '../core/record.ts'
import { type ErrorExtras, HoldfastError } from '../errors.ts'
import { checkControl } from './import-control.ts'
import type { ImportRecord, RawEvent } from './store.ts'

const hint = 'Nothing was imported. Export the journal again, or import the file that the export wrote, unchanged.'

/** One by one or in pages. */
export type ImportSource = AsyncIterable<ImportRecord | readonly ImportRecord[]>

export async function* recordsOf(source: ImportSource): AsyncGenerator<ImportRecord, void, undefined> {
  for await (const page of source) {
    if (isPage(page)) yield* page
    else yield page
  }
}

function isPage(page: ImportRecord | readonly ImportRecord[]): page is readonly ImportRecord[] {
  return Array.isArray(page)
}

export interface ImportedEvent
  extends Pick<RawEvent, 'position' | 'stream' | 'seq' | 'time' | 'type' | 'blobs' | 'sum'> {
  readonly text: string
}

export function importedEvent(record: { readonly text: string; readonly sum: string }, index: number): ImportedEvent {
  const { text, sum } = record
  if (sumOfText(text) !== sum) throw importRefused(index, 'its checksum does not fit its text')
  try {
    const { position, stream, seq, time, type, version, blobs } = parseEventText(text, sum)
    const isWhole = [position, seq, version].every((number) => Number.isSafeInteger(number) && number > 0)
    const isNamed = typeof stream === 'string' && typeof type === 'string'
    if (isWhole && isNamed && Number.isSafeInteger(time) && Array.isArray(blobs)) {
      return { position, stream, seq, time, type, blobs, text, sum }
    }
  } catch (cause) {
    throw importRefused(index, 'its text is not JSON', { cause })
  }
  throw importRefused(index, 'a field of the event is missing or of the wrong kind')
}

export function importedControl(text: string, index: number): Control {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw importRefused(index, 'its text is not JSON', { cause })
  }
  const wrong = checkControl(value)
  if (wrong !== undefined) throw importRefused(index, wrong)
  return value as Control
}

/** Where its stream and the journal stand. */
export interface ImportedBefore {
  readonly position: number
  readonly eventTime: number
  readonly seq: number
}

/** The event must follow what came before it. */
export function mustFollow(event: ImportedEvent, before: ImportedBefore, index: number): void {
  const { position, stream, seq, time } = event
  if (position <= before.position) {
    throw importRefused(index, `position ${position} does not follow ${before.position}`)
  }
  if (seq !== before.seq + 1) {
    throw importRefused(index, `seq ${seq} of stream ${JSON.stringify(stream)} does not follow ${before.seq}`)
  }
  if (time < before.eventTime) throw importRefused(index, 'its time is before that of its predecessor')
}

export function importRefused(index: number, why: string, extras: ErrorExtras = {}): HoldfastError {
  return new HoldfastError('IMPORT_INVALID', `record ${index} of the import can't be taken: ${why}`, {
    hint,
    ...extras,
    details: { index },
  })
}
