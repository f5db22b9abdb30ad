// What SQLite says of its own file, and what rows say of each other beyond what every store checks.

import { isHoldfastError } from '../../errors.ts'
import { mustNotBeAborted } from '../aborted.ts'
import type { Finding, LongWork, VerifyProgress } from '../store.ts'
import type { Connection } from './connection.ts'

interface RowCheck {
  readonly kind: string
  readonly severity: Finding['severity']
  /** Gives what is wrong, one text a row. */
  readonly sql: string
  readonly meaning: string
}

const rowChecks: readonly RowCheck[] = [
  {
    kind: 'event-blob',
    severity: 'damage',
    sql: `SELECT n.position FROM event_blob n LEFT JOIN event e ON e.position = n.position
          LEFT JOIN blob b ON b.id = n.blob WHERE e.position IS NULL OR b.id IS NULL OR b.named = 0 OR b.digest IS NULL`,
    meaning: 'names a blob, and one of the two is not there',
  },
  {
    kind: 'blob-named',
    severity: 'damage',
    sql: 'SELECT digest FROM blob b WHERE named = 1 AND NOT EXISTS (SELECT 1 FROM event_blob n WHERE n.blob = b.id)',
    meaning: 'is marked as named, and no event names it',
  },
  {
    kind: 'blob-chunk',
    severity: 'damage',
    sql: `SELECT l.blob FROM blob_chunk l LEFT JOIN chunk c ON c.id = l.chunk LEFT JOIN blob b ON b.id = l.blob
          WHERE c.id IS NULL OR b.id IS NULL`,
    meaning: 'has a chunk that is not there, or is not there itself',
  },
  {
    kind: 'chunk-orphaned',
    severity: 'warning',
    sql: 'SELECT digest FROM chunk c WHERE NOT EXISTS (SELECT 1 FROM blob_chunk l WHERE l.chunk = c.id)',
    meaning: 'is a chunk that no blob has',
  },
  {
    kind: 'removed-order',
    severity: 'damage',
    sql: `SELECT r.from_position FROM removed r WHERE r.to_position < r.from_position
          OR EXISTS (SELECT 1 FROM removed o WHERE o.from_position > r.from_position AND o.from_position <= r.to_position + 1)
          OR EXISTS (SELECT 1 FROM event e WHERE e.position BETWEEN r.from_position AND r.to_position)`,
    meaning: 'begins a removed range that overlaps what is retained, or another one',
  },
]

const findingsPerCheck = 100

export function checkIntegrity(connection: Connection, work: LongWork<VerifyProgress>): readonly Finding[] {
  const { label } = connection
  const findings: Finding[] = []
  const add = (severity: Finding['severity'], kind: string, message: string): void => {
    findings.push({ severity, kind, file: label, offset: undefined, message, repair: undefined })
  }
  const checks: readonly (() => void)[] = [
    () => {
      for (const [text] of connection.all(`PRAGMA integrity_check(${findingsPerCheck})`)) {
        if (text !== 'ok') add('damage', 'sqlite-integrity', `SQLite finds: ${String(text)}`)
      }
    },
    ...rowChecks.map(({ kind, severity, sql, meaning }) => () => {
      const rows = connection.all(`${sql} LIMIT ${findingsPerCheck}`)
      for (const [what] of rows) add(severity, kind, `${kind} ${String(what)}: it ${meaning}`)
    }),
  ]
  for (const check of checks) {
    mustNotBeAborted(work.signal, 'verification')
    try {
      check()
    } catch (error) {
      // So damaged that the check itself fails.
      if (!isHoldfastError(error, 'DAMAGED')) throw error
      add('damage', 'sqlite-damaged', error.message)
    }
  }
  return findings
}
