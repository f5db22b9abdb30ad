// What judging a group must know: every name that its batches mention, asked for together with the lock.

import type { GroupFound, GroupWanted } from '../sql/backend.ts'
import type { Statement } from './connection.ts'
import type { DriverResult } from './driver.ts'
import type { Scope } from './journal-tables.ts'
import { numbersOf } from './numbering.ts'
import { commandOf, leaseOf, streamColumns, streamOf } from './rows-read.ts'

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
    statements,
    read(answers) {
      const rowsOf = (kind: keyof typeof asked) => answers[kinds.indexOf(kind)]?.rows ?? []
      return {
        found: {
          streams: rowsOf('streams').map((row) => streamOf(row, label)),
          commands: rowsOf('commands').map((row) => commandOf(row, label)),
          leases: rowsOf('leases').map((row) => leaseOf(row, label)),
          blobs: rowsOf('blobs').map(({ digest, named }) => ({ digest: digest as string, named: named as boolean })),
        },
        streams: numbersOf(rowsOf('streams')),
      }
    },
  }
}
