// Rows of the tables as the values of the port. The driver gives every bigint as a number (driver.ts).

import { mustMatchSum, rowSum, type SummedValue } from '../sql/row-sum.ts'
import type {
  AgendaRow,
  BlobRow,
  CommandRow,
  EventRow,
  EventSize,
  HeadRow,
  LeaseRow,
  PinRow,
  SpanRow,
  StreamRow,
} from '../sql/rows.ts'
import { agendaValues, commandValues, headValues, leaseValues, pinValues, streamValues } from '../sql/state-values.ts'
import type { Row } from './driver.ts'

export const headColumns = `h.journal_id, h.epoch, h.created, h.position, h.durable, h.time, h.event_time, h.earliest,
  h.events, h.bytes, h.forget_before, h.copying, h.sum`

export function headOf(row: Row, file: string): HeadRow {
  const number = (name: string): number => row[name] as number
  const read: HeadRow = {
    journalId: row.journal_id as string,
    epoch: row.epoch as string,
    created: number('created'),
    position: number('position'),
    durable: number('durable'),
    time: number('time'),
    eventTime: number('event_time'),
    earliest: number('earliest'),
    events: number('events'),
    bytes: number('bytes'),
    forgetBefore: number('forget_before'),
    copying: (row.copying as string | null) ?? undefined,
  }
  return checked(read, headValues(read), { sum: row.sum, file, table: 'head' })
}

export function eventOf(row: Row): EventRow {
  return {
    position: row.position as number,
    stream: row.stream as string,
    seq: row.seq as number,
    time: row.time as number,
    type: row.type as string,
    sum: sumText(row.sum as number),
    text: row.text as string,
  }
}

export function sizeOf(row: Row): EventSize {
  return {
    position: row.position as number,
    stream: row.stream as string,
    seq: row.seq as number,
    textBytes: row.bytes as number,
  }
}

export const streamColumns = 's.name, s.seq, s.position, s.earliest, s.released, s.sum'

export function streamOf(row: Row, file: string): StreamRow {
  const read: StreamRow = {
    stream: row.name as string,
    seq: row.seq as number,
    position: row.position as number,
    earliest: row.earliest as number,
    released: row.released as number,
  }
  return checked(read, streamValues(read), { sum: row.sum, file, table: 'stream' })
}

export function commandOf(row: Row, file: string): CommandRow {
  const read: CommandRow = { id: row.id as string, time: row.time as number, text: row.text as string }
  return checked(read, commandValues(read), { sum: row.sum, file, table: 'command' })
}

export function agendaOf(row: Row, file: string): AgendaRow {
  const read: AgendaRow = {
    id: row.id as string,
    due: row.due as number,
    data: (row.data as string | null) ?? undefined,
  }
  return checked(read, agendaValues(read), { sum: row.sum, file, table: 'agenda_entry' })
}

export function leaseOf(row: Row, file: string): LeaseRow {
  const read: LeaseRow = {
    lease: row.name as string,
    owner: row.owner as string,
    token: row.token as number,
    until: row.until as number,
    held: row.held as boolean,
  }
  return checked(read, leaseValues(read), { sum: row.sum, file, table: 'lease' })
}

export function pinOf(row: Row, file: string): PinRow {
  const read: PinRow = {
    pin: row.name as string,
    stream: (row.stream as string | null) ?? undefined,
    from: row.from_ as number,
    until: (row.until as number | null) ?? undefined,
  }
  return checked(read, pinValues(read), { sum: row.sum, file, table: 'pin' })
}

export function blobOf(row: Row): BlobRow {
  return {
    digest: row.digest as string,
    bytes: row.bytes as number,
    data: (row.data as Uint8Array | null) ?? undefined,
    named: row.named as boolean,
  }
}

export function spanOf(row: Row): SpanRow {
  return {
    part: row.part as number,
    stream: row.name as string,
    from: row.from_ as number,
    to: row.to_ as number,
    first: row.first as number,
    last: row.last as number,
  }
}

function checked<T>(
  read: T,
  values: readonly SummedValue[],
  { sum, ...place }: { readonly sum: unknown; readonly file: string; readonly table: string },
): T {
  mustMatchSum(values, (sum as number) >>> 0, place)
  return read
}

/** As the column has it. */
export function sumOf(values: readonly SummedValue[]): number {
  return rowSum(values) | 0
}

/** The column is a signed integer of the same 32 bits. */
export function sumText(sum: number): string {
  return (sum >>> 0).toString(16).padStart(8, '0')
}

export function sumNumber(sum: string): number {
  return Number.parseInt(sum, 16) | 0
}
