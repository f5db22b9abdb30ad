// What claims can take: entries in order of their time, each with the lease of its name, but for those whose lease is held.
// One walk over the index by time, which ends with the entries that are due: what is not due yet is never looked at.

import type { TimeMs } from '../../core/numbers.ts'
import type { DueFound, DueWanted } from '../sql/backend.ts'
import type { Connection } from './connection.ts'
import { prefixEnd } from './prefix.ts'
import { agendaRow, leaseRow } from './state-rows.ts'

const agendaWidth = 4

export function findDue(connection: Connection, wanted: DueWanted, headTime: TimeMs): readonly DueFound[] {
  const { dueBy, prefix, now, limit } = wanted
  const rows = connection.all(
    `SELECT a.id, a.due, a.data, a.sum, l.name, l.owner, l.token, l.until, l.held, l.sum AS lease_sum
       FROM agenda_entry a INDEXED BY agenda_by_due LEFT JOIN lease l ON l.name = a.id
      WHERE a.due <= ? AND +a.id >= ? AND +a.id < ? AND NOT (coalesce(l.held, 0) AND l.until > ?)
      ORDER BY a.due, a.id LIMIT ?`,
    dueBy,
    prefix,
    prefixEnd(prefix),
    Math.max(now, headTime),
    limit,
  )
  return rows.map((row) => {
    const lease = row.slice(agendaWidth)
    return {
      entry: agendaRow(row, connection.label),
      lease: lease[0] === null ? undefined : leaseRow(lease, connection.label),
    }
  })
}
