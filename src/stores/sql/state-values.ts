// Rows that are no events as lists of values, in a fixed order: what their checksums are taken over (row-sum.ts), the same in
// every database.

import type { SummedValue } from './row-sum.ts'
import type { AgendaRow, CommandRow, HeadRow, LeaseRow, PinRow, StreamRow } from './rows.ts'

export function headValues(head: HeadRow): readonly SummedValue[] {
  const { journalId, epoch, created, position, durable, time, eventTime, earliest, events, bytes } = head
  const { forgetBefore, copying = null } = head
  return [journalId, epoch, created, position, durable, time, eventTime, earliest, events, bytes, forgetBefore, copying]
}

export function streamValues({ stream, seq, position, earliest, released }: StreamRow): readonly SummedValue[] {
  return [stream, seq, position, earliest, released]
}

export function commandValues({ id, time, text }: CommandRow): readonly SummedValue[] {
  return [id, time, text]
}

export function agendaValues({ id, due, data }: AgendaRow): readonly SummedValue[] {
  return [id, due, data ?? null]
}

export function leaseValues({ lease, owner, token, until, held }: LeaseRow): readonly SummedValue[] {
  return [lease, owner, token, until, held ? 1 : 0]
}

export function pinValues({ pin, stream, from, until }: PinRow): readonly SummedValue[] {
  return [pin, stream ?? null, from, until ?? null]
}
