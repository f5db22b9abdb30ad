// What judging a group must know: every name that its batches mention, and what its claims can take, asked for together with
// the lock. Each statement sees what was committed before it began, so all of them see what the lock protects.

import type { DueFound, DueWanted, GroupFound, GroupWanted } from '../sql/backend.ts'
import type { Statement } from './connection.ts'
import type { DriverResult, Row } from './driver.ts'
import type { Scope } from './journal-tables.ts'
import { numbersOf } from './numbering.ts'
import { agendaOf, commandOf, leaseOf, streamColumns, streamOf } from './rows-read.ts'
import { prefixEnd } from './text-range.ts'

/** One statement for each kind of name that a group mentions, and how to read their answers. Each name is looked up by itself,
 * in a subquery with a limit: left to choose, the planner reads all of a journal's rows as long as it has no statistics of
 * them, which is up to minutes after they came. */
export function lookups(
  { schema, journal, label }: Scope,
  wanted: GroupWanted,
): {
  readonly statements: readonly Statement[]
  readonly read: (answers: readonly DriverResult[]) => {
    readonly found: Omit<GroupFound, 'head'>
    readonly streams: Map<string, number>
  }
} {
  const each = (columns: string, table: string, key: string): string =>
    `select x.* from unnest($2::text[]) as asked (name) cross join lateral
       (select ${columns} from ${schema}.${table} s where s.journal = $1 and s.${key} = asked.name limit 1) x`
  const asked = {
    streams: each(`s.id, ${streamColumns}`, 'stream', 'name'),
    commands: each('s.*', 'command', 'id'),
    leases: each('s.*', 'lease', 'name'),
    blobs: each('s.digest, s.named', 'blob', 'digest'),
  }
  const kinds = (Object.keys(asked) as (keyof typeof asked)[]).filter((kind) => wanted[kind].length > 0)
  const statements = kinds.map((kind) => ({
    name: `holdfast-find-${kind}`,
    text: asked[kind],
    values: [journal, wanted[kind]],
  }))
  return {
    statements: [...statements, ...wanted.due.map((due) => dueStatement({ schema, journal, label }, due))],
    read(answers) {
      const rowsOf = (kind: keyof typeof asked) => answers[kinds.indexOf(kind)]?.rows ?? []
      return {
        found: {
          streams: rowsOf('streams').map((row) => streamOf(row, label)),
          commands: rowsOf('commands').map((row) => commandOf(row, label)),
          leases: rowsOf('leases').map((row) => leaseOf(row, label)),
          blobs: rowsOf('blobs').map(({ digest, named }) => ({ digest: digest as string, named: named as boolean })),
          due: wanted.due.map((_, index) =>
            (answers[kinds.length + index]?.rows ?? []).map((row) => dueOf(row, label)),
          ),
        },
        streams: numbersOf(rowsOf('streams')),
      }
    },
  }
}

/** Entries that no lease holds, along their index by due time until there are enough; and all whose lease has run out, by the
 * same index. Their names are compared as an expression, so that no plan reads all that have a prefix, due or not. The
 * lease itself has the last word: it is looked up for each entry, in a subquery with a limit, which can't become a join
 * over all leases.
 *
 * SKIP LOCKED: none of our transactions holds a lock on these rows while we have the head's. One of somebody else's may
 * (an operator's, a tool's): its entry is passed over and comes with a later claim, and nobody waits for it. */
function dueStatement({ schema, journal }: Scope, { dueBy, prefix, now, limit }: DueWanted): Statement {
  const end = prefixEnd(prefix)
  const bounds = prefix === '' ? [] : end === undefined ? [prefix] : [prefix, end]
  const names = bounds.map((_, index) => `and a.id || '' ${index === 0 ? '>=' : '<'} $${index + 5}`)
  const time = `greatest($3::bigint, (select h.time from ${schema}.head h where h.journal = $1))`
  const those = (held: string): string => `
    (select a.id, a.due, a.data, a.sum, l.name, l.owner, l.token, l.until, l.held, l.lease_sum
       from ${schema}.agenda_entry a
       left join lateral (select x.name, x.owner, x.token, x.until, x.held, x.sum as lease_sum
                            from ${schema}.lease x where x.journal = $1 and x.name = a.id limit 1) l on true
      where a.journal = $1 and ${held} and a.due <= $2 ${names.join(' ')}
        and not coalesce(l.held and l.until > ${time}, false)
      order by a.due, a.id limit $4 for update of a skip locked)`
  return {
    name: `holdfast-due-${bounds.length}`,
    text: `select * from ${those('a.held_until = 0')} free union all
           select * from ${those(`a.held_until > 0 and a.held_until <= ${time}`)} ended
            order by due, id limit $4`,
    values: [journal, dueBy, now, limit, ...bounds],
  }
}

function dueOf(row: Row, label: string): DueFound {
  const lease = row.name === null ? undefined : leaseOf({ ...row, sum: row.lease_sum }, label)
  return { entry: agendaOf(row, label), lease }
}
