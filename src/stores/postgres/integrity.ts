// Whether the tables fit each other: every number that refers to something finds it. The content of each event is checked
// by whoever reads it; pages of the disk are checked by the server, where its data checksums are on.

import type { Finding } from '../store.ts'
import type { Row } from './driver.ts'
import type { Run, Scope } from './journal-tables.ts'

interface Check {
  readonly kind: string
  readonly what: string
  /** Gives some of the places that are wrong, as text. */
  readonly text: (schema: string) => string
}

const placesMax = 20

const checks: readonly Check[] = [
  {
    kind: 'stream-missing',
    what: 'an event belongs to a stream that has no row',
    text: (s) => `select 'position ' || e.position as place from ${s}.event e where e.journal = $1
      and not exists (select from ${s}.stream t where t.journal = $1 and t.id = e.stream)`,
  },
  {
    kind: 'type-missing',
    what: 'an event has a type that has no row',
    text: (s) => `select 'position ' || e.position as place from ${s}.event e where e.journal = $1
      and not exists (select from ${s}.type t where t.journal = $1 and t.id = e.type)`,
  },
  {
    kind: 'stream-head',
    what: "a stream's row doesn't agree with its events",
    text: (s) => `select 'stream ' || t.name as place from ${s}.stream t where t.journal = $1
      and (t.seq - t.earliest + 1 <> (select count(*) from ${s}.event e where e.journal = $1 and e.stream = t.id)
        or (t.seq >= t.earliest and not exists (select from ${s}.event e where e.journal = $1 and e.stream = t.id
             and e.seq = t.seq and e.position = t.position)))`,
  },
  {
    kind: 'head',
    what: "the journal's head row doesn't agree with its events",
    text: (s) => `select 'the head row' as place from ${s}.head h where h.journal = $1
      and (h.events <> (select count(*) from ${s}.event e where e.journal = $1)
        or h.position < (select coalesce(max(e.position), 0) from ${s}.event e where e.journal = $1)
        or h.durable > h.position)`,
  },
  {
    kind: 'agenda-lease',
    what: "an agenda entry doesn't agree with the lease of its name on whether it is held",
    text: (s) => `select 'entry ' || a.id as place from ${s}.agenda_entry a where a.journal = $1
      and a.held_until <> coalesce((select l.until from ${s}.lease l
            where l.journal = $1 and l.name = a.id and l.held), 0)`,
  },
  {
    kind: 'blob-missing',
    what: 'an event names a blob that is not there',
    text: (s) => `select 'blob ' || n.digest as place from ${s}.blob_name n where n.journal = $1
      and not exists (select from ${s}.blob b where b.journal = $1 and b.digest = n.digest and b.named)`,
  },
  {
    kind: 'chunk-missing',
    what: 'a blob lacks a piece of its content',
    text: (s) => `select 'blob ' || b.digest as place from ${s}.blob b where b.journal = $1 and b.data is null
      and b.bytes <> (select coalesce(sum(octet_length(c.data)), 0) from ${s}.blob_chunk p
            join ${s}.chunk c on c.journal = $1 and c.digest = p.chunk where p.journal = $1 and p.digest = b.digest)`,
  },
]

export async function integrityFindings(
  run: Run,
  scope: Scope,
  options: { readonly label: string; readonly between: () => void },
): Promise<readonly Finding[]> {
  const { label: file, between } = options
  const findings: Finding[] = []
  for (const { kind, what, text } of checks) {
    between()
    const rows = await run(`${text(scope.schema)} limit ${placesMax}`, [scope.journal])
    findings.push(...rows.map((row) => damage(kind, `${String(row.place)}: ${what}`, file)))
  }
  findings.push(
    ...(await invalidIndexes(run, scope)).map(({ name }) =>
      damage('index-invalid', `${name as string} is not usable`, file),
    ),
  )
  findings.push(...(await serverNotes(run, file)))
  return findings
}

/** Settings that an operator chose and should know about. */
async function serverNotes(run: Run, file: string): Promise<readonly Finding[]> {
  const [row] = await run(
    "select current_setting('data_checksums') as checksums, current_setting('synchronous_commit') as commits",
    [],
  )
  const notes = {
    // Sums of our own stand in every row that is acted on; the server's cover its indexes and all else as well.
    'page-checksums-off':
      row?.checksums !== 'on' &&
      'the server keeps no checksums of its pages (data_checksums=off): damage to an index may go unnoticed',
    'commits-off':
      row?.commits === 'off' && 'synchronous_commit=off: each append that must be durable turns it on for itself',
    'commits-weak':
      (row?.commits === 'local' || row?.commits === 'remote_write') &&
      `synchronous_commit=${row.commits}: a commit doesn't wait until a standby has it on its disk`,
  }
  return Object.entries(notes).flatMap(([kind, message]) =>
    message === false ? [] : [{ severity: 'note', kind, file, offset: undefined, message, repair: undefined }],
  )
}

/** Left behind by an operation that failed, such as a REINDEX CONCURRENTLY. */
async function invalidIndexes(run: Run, { schema }: Scope): Promise<readonly Row[]> {
  return run(
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
      where not i.indisvalid and c.relnamespace = to_regnamespace($1)`,
    [schema],
  )
}

function damage(kind: string, message: string, file: string): Finding {
  return { severity: 'damage', kind, file, offset: undefined, message, repair: undefined }
}
