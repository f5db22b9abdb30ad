// Rows of streams, commands, agenda, leases and pins: from columns to what the port hands over, each held against its sum,
// and back.

import { mustMatchSum, rowSum, type SummedValue } from '../sql/row-sum.ts'
import type { AgendaRow, CommandRow, LeaseRow, PinRow, StreamRow } from '../sql/rows.ts'
import * as state from '../sql/state-values.ts'
import { numberIn, textIn } from './connection.ts'
import type { SqliteRow } from './driver.ts'

export const streamColumns = 'name, seq, position, earliest, released, sum'
export const commandColumns = 'id, time, text, sum'
export const agendaColumns = 'id, due, data, sum'
export const leaseColumns = 'name, owner, token, until, held, sum'
export const pinColumns = 'name, stream, from_number, until, sum'

/** The columns of a row, in order, with its sum. */
export function streamValues(row: StreamRow): SummedValue[] {
  return withSum(state.streamValues(row))
}

export function commandValues(row: CommandRow): SummedValue[] {
  return withSum(state.commandValues(row))
}

export function agendaValues(row: AgendaRow): SummedValue[] {
  return withSum(state.agendaValues(row))
}

export function leaseValues(row: LeaseRow): SummedValue[] {
  return withSum(state.leaseValues(row))
}

export function pinValues(row: PinRow): SummedValue[] {
  return withSum(state.pinValues(row))
}

function withSum(values: readonly SummedValue[]): SummedValue[] {
  return [...values, rowSum(values)]
}

export function streamRow(row: SqliteRow, label: string): StreamRow {
  const number = (column: number) => numberIn(row, column, label)
  const values = [textIn(row, 0, label), number(1), number(2), number(3), number(4)] as const
  mustMatchSum(values, row[5], { file: label, table: 'stream' })
  const [stream, seq, position, earliest, released] = values
  return { stream, seq, position, earliest, released }
}

export function commandRow(row: SqliteRow, label: string): CommandRow {
  const values = [textIn(row, 0, label), numberIn(row, 1, label), textIn(row, 2, label)] as const
  mustMatchSum(values, row[3], { file: label, table: 'command' })
  const [id, time, text] = values
  return { id, time, text }
}

export function agendaRow(row: SqliteRow, label: string): AgendaRow {
  const values = [textIn(row, 0, label), numberIn(row, 1, label), textOrNull(row, 2, label)] as const
  mustMatchSum(values, row[3], { file: label, table: 'agenda_entry' })
  const [id, due, data] = values
  return { id, due, data: data ?? undefined }
}

export function leaseRow(row: SqliteRow, label: string): LeaseRow {
  const number = (column: number) => numberIn(row, column, label)
  const values = [textIn(row, 0, label), textIn(row, 1, label), number(2), number(3), number(4)] as const
  mustMatchSum(values, row[5], { file: label, table: 'lease' })
  const [lease, owner, token, until, held] = values
  return { lease, owner, token, until, held: held === 1 }
}

export function pinRow(row: SqliteRow, label: string): PinRow {
  const until = row[3] === null ? null : numberIn(row, 3, label)
  const values = [textIn(row, 0, label), textOrNull(row, 1, label), numberIn(row, 2, label), until] as const
  mustMatchSum(values, row[4], { file: label, table: 'pin' })
  const [pin, stream, from] = values
  return { pin, stream: stream ?? undefined, from, until: until ?? undefined }
}

function textOrNull(row: SqliteRow, column: number, label: string): string | null {
  return row[column] === null ? null : textIn(row, column, label)
}
