// What the dumps of stores share: state beside the events as control records, content as blob records, and records in
// pages of bounded memory. The same content gives the same records in every store.

import type { Control } from '../core/control.ts'
import { controlText } from '../core/control-text.ts'
import { limits } from '../limits.ts'
import type { AgendaItem, ImportRecord, LeaseState, PinState } from './store.ts'

/** `open` throws CLOSED once the journal is. */
export async function* inPages(
  records: Iterable<ImportRecord> | AsyncIterable<ImportRecord>,
  open: () => unknown,
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  let page: ImportRecord[] = []
  let bytes = 0
  for await (const record of records) {
    page.push(record)
    bytes += record.event?.text.length ?? record.control?.length ?? record.chunk?.length ?? 0
    if (page.length < limits.pageEventsMax && bytes < limits.pageBytes) continue
    open()
    yield page
    page = []
    bytes = 0
  }
  open()
  if (page.length > 0) yield page
}

export function controlRecord(control: Control): ImportRecord {
  return { control: controlText(control) }
}

/** Small content, in the record itself. */
export function inlineBlobRecord(digest: string, content: Buffer): ImportRecord {
  return controlRecord({ control: 'blob', digest, bytes: content.length, data: content.toString('base64') })
}

export function agendaControl({ id, due, data }: AgendaItem): Control {
  return { control: 'agenda', id, due, ...(data === undefined ? {} : { data: JSON.parse(data) as unknown }) }
}

export function leaseControl(lease: LeaseState): Control {
  return { control: 'lease', ...lease }
}

export function pinControl({ pin, stream, from, until }: PinState): Control {
  return {
    control: 'pin',
    pin,
    ...(stream === undefined ? {} : { stream }),
    from,
    ...(until === undefined ? {} : { until }),
  }
}
