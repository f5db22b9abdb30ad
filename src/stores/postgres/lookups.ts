// What judging a group must know: every name that its batches mention, and what its claims can take, asked for together with
// the lock. Each statement sees what was committed before it began, so all of them see what the lock protects.

import type { DueFound, DueWanted, GroupFound, GroupWanted } from '../sql/backend.ts'
import type { Statement } from './connection.ts'
import type { DriverResult, Row } from './driver.ts'
import type { Scope } from './journal-tables.ts'
import { numbersOf } from './numbering.ts'
import { agendaOf, commandOf, leaseOf, streamColumns, streamOf } from './rows-read.ts'
import { prefixEnd } from './text-range.ts'

/** One statement for each kind of name that a group mentions, and how to read their answers. */
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
  const asked = {
    streams: `select s.id, ${streamColumns} from ${schema}.stream s where s.journal = $1 and s.name = any($2::text[])`,
    commands: `select c.* from ${schema}.command c where c.journal = $1 and c.id = any($2::text[])`,
    leases: `select l.* from ${schema}.lease l where l.journal = $1 and l.name = any($2::text[])`,
    blobs: `select b.digest, b.named from ${schema}.blob b where b.journal = $1 and b.digest = any($2::text[])`,
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

/** Along the index by due time, with a look at one lease for each entry, until there are enough. The lease is looked up in a
 * subquery with a limit, which the planner can't turn into a join over all leases, however few entries it expects.
 *
 * SKIP LOCKED: none of our transactions holds a lock on these rows while we have the head's. One of somebody else's may
 * (an operator's, a tool's): its entry is passed over and comes with a later claim, and nobody waits for it. */
function dueStatement({ schema, journal }: Scope, { dueBy, prefix, now, limit }: DueWanted): Statement {
  const end = prefixEnd(prefix)
  const named = [
    ...(prefix === '' ? [] : ['and a.id >= $5']),
    ...(prefix === '' || end === undefined ? [] : ['and a.id < $6']),
  ]
  const values = [journal, dueBy, now, limit, ...(prefix === '' ? [] : [prefix]), ...(named.length < 2 ? [] : [end])]
  return {
    name: `holdfast-due-${named.length}`,
    text: `select a.id, a.due, a.data, a.sum, l.name, l.owner, l.token, l.until, l.held, l.lease_sum
             from ${schema}.agenda_entry a
             left join lateral (select x.name, x.owner, x.token, x.until, x.held, x.sum as lease_sum
                                  from ${schema}.lease x where x.journal = $1 and x.name = a.id limit 1) l on true
            where a.journal = $1 and a.due <= $2 ${named.join(' ')}
              and not coalesce(l.held and l.until > greatest(
                    $3::bigint, (select h.time from ${schema}.head h where h.journal = $1)), false)
            order by a.due, a.id limit $4 for update of a skip locked`,
    values,
  }
}

function dueOf(row: Row, label: string): DueFound {
  const lease = row.name === null ? undefined : leaseOf({ ...row, sum: row.lease_sum }, label)
  return { entry: agendaOf(row, label), lease }
}
