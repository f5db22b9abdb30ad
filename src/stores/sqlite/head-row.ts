// The head row: read and checked, changed with its sum.

import { mustMatchSum, rowDamaged, rowSum } from '../sql/row-sum.ts'
import type { HeadChange, HeadRow } from '../sql/rows.ts'
import { headValues } from '../sql/state-values.ts'
import { type Connection, numberIn, textIn } from './connection.ts'

const columns =
  'journal_id, epoch, created, position, durable, time, event_time, earliest, events, bytes, forget_before, copying'
const table = 'head'

export function readHead(connection: Connection): HeadRow {
  const { label } = connection
  const row = connection.get(`SELECT ${columns}, sum FROM head WHERE only_row = 1`)
  if (row === undefined) throw rowDamaged({ file: label, table }, 'there is no row')
  const number = (column: number) => numberIn(row, column, label)
  const head: HeadRow = {
    journalId: textIn(row, 0, label),
    epoch: textIn(row, 1, label),
    created: number(2),
    position: number(3),
    durable: number(4),
    time: number(5),
    eventTime: number(6),
    earliest: number(7),
    events: number(8),
    bytes: number(9),
    forgetBefore: number(10),
    copying: row[11] === null ? undefined : textIn(row, 11, label),
  }
  mustMatchSum(headValues(head), row[12], { file: label, table })
  return head
}

export function insertHead(connection: Connection, head: HeadRow): void {
  const values = headValues(head)
  const places = values.map(() => '?').join(', ')
  connection.run(`INSERT INTO head (only_row, ${columns}, sum) VALUES (1, ${places}, ?)`, ...values, rowSum(values))
}

/** `head` is what the row says now, within the transaction. */
export function changeHead(connection: Connection, head: HeadRow, change: HeadChange): HeadRow {
  const changed = { ...head, ...change }
  const values = headValues(changed)
  connection.run(
    `UPDATE head SET (${columns}, sum) = (${values.map(() => '?').join(', ')}, ?) WHERE only_row = 1`,
    ...values,
    rowSum(values),
  )
  return changed
}
