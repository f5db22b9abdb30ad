// What a group changes, as statements: one for each table that it touches, however many rows. Their texts don't depend on
// the rows, so each is prepared once for a connection.
//
// Columns travel as arrays. The events' texts travel as one text with a newline between them, which PostgreSQL takes
// apart: an array's literal would have every quote of them escaped, and none of them has a newline of its own.

import type { GroupWrite } from '../sql/backend.ts'
import type { HeadChange, HeadRow, LeaseRow, NewEventRow, StreamRow } from '../sql/rows.ts'
import { agendaValues, commandValues, headValues, leaseValues, pinValues, streamValues } from '../sql/state-values.ts'
import type { Statement } from './connection.ts'
import type { Scope } from './journal-tables.ts'
import { type Numbering, streamsOf } from './numbering.ts'
import { sumNumber, sumOf } from './rows-read.ts'

export interface Numbers {
  readonly streams: Numbering
  readonly types: Numbering
}

export type RowsWrite = Omit<GroupWrite, 'sync' | 'claimsEnded'>

/** `head`: as it is, within the transaction. */
export function rowStatements(
  scope: Scope,
  write: RowsWrite,
  { head, numbers }: { readonly head: HeadRow; readonly numbers: Numbers },
): readonly Statement[] {
  const make = new Statements(scope)
  const { events, commands, agenda, leases, pins, blobs } = write
  const named = events.filter((event) => event.blobs.length > 0)
  const statements: Statement[] = []
  const add = (rows: readonly unknown[], statement: () => Statement): void => {
    if (rows.length > 0) statements.push(statement())
  }
  add(events, () => make.events(events, numbers))
  const streams = withoutRow(write, numbers.streams)
  add(streams, () => make.streams(streams, numbers.streams))
  const types = [...numbers.types.added]
  add(types, () => make.types(types))
  add(blobs, () => make.blobs(blobs))
  add(named, () => make.blobsNamed(named))
  add(named, () => make.blobNames(named))
  add(commands, () => make.commands(commands))
  // Before the agenda, whose rows say which leases are held.
  const taken = leases.flatMap((row) => ('gone' in row ? [] : [row]))
  const released = leases.flatMap((row) => ('gone' in row ? [row.lease] : []))
  add(taken, () => make.leases(taken))
  add(released, () => make.cleared('lease', 'name', released))
  const due = agenda.filter((entry) => entry.due !== null)
  const cleared = agenda.filter((entry) => entry.due === null)
  add(due, () => make.agenda(due as Parameters<Statements['agenda']>[0]))
  add(cleared, () =>
    make.cleared(
      'agenda_entry',
      'id',
      cleared.map(({ id }) => id),
    ),
  )
  const changed = new Set(agenda.map(({ id }) => id))
  const held = leases.flatMap(({ lease }) => (changed.has(lease) ? [] : [lease]))
  add(held, () => make.held(held))
  const kept = pins.filter((pin) => pin.from !== null)
  const gone = pins.filter((pin) => pin.from === null)
  add(kept, () => make.pins(kept as Parameters<Statements['pins']>[0]))
  add(gone, () =>
    make.cleared(
      'pin',
      'name',
      gone.map(({ pin }) => pin),
    ),
  )
  statements.push(make.head({ ...head, ...write.head }, numbers))
  return statements
}

export function claimsEndedStatement(scope: Scope, owner: string, digests: readonly string[]): Statement {
  return new Statements(scope).claimsEnded(owner, digests)
}

/** The row of a stream that only its events mention here comes with another piece of an import; its number is needed now. */
function withoutRow(write: RowsWrite, numbers: Numbering): readonly StreamRow[] {
  const rows = new Set(write.streams.map(({ stream }) => stream))
  const added = streamsOf(write).filter((stream) => !rows.has(stream) && numbers.added.has(stream))
  const empty = added.map((stream) => ({ stream, seq: 0, position: 0, earliest: 1, released: 0 }))
  return [...write.streams, ...empty]
}

class Statements {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  events(rows: readonly NewEventRow[], { streams, types }: Numbers): Statement {
    const texts = rows.map(({ text }) => text)
    const isPlain = texts.every((text) => !text.includes('\n'))
    const columns = [
      rows.map(({ position }) => position),
      rows.map(({ seq }) => seq),
      rows.map(({ time }) => time),
      rows.map(({ stream }) => streams.of(stream)),
      rows.map(({ type }) => types.of(type)),
      rows.map(({ sum }) => sumNumber(sum)),
    ]
    const split = isPlain ? String.raw`string_to_table($8, E'\n')` : 'unnest($8::text[])'
    return this.#statement(
      isPlain ? 'events' : 'events-with-newlines',
      `insert into ${this.#table('event')} (journal, position, seq, time, stream, type, sum, text)
       select $1, e.* from rows from (unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]),
         unnest($5::integer[]), unnest($6::integer[]), unnest($7::integer[]), ${split}) as e`,
      [...columns, isPlain ? texts.join('\n') : texts],
    )
  }

  streams(rows: readonly StreamRow[], numbers: Numbering): Statement {
    return this.#upsert('stream', {
      key: ['id', 'integer', rows.map(({ stream }) => numbers.of(stream))],
      changes: [
        ['seq', 'bigint', rows.map(({ seq }) => seq)],
        ['position', 'bigint', rows.map(({ position }) => position)],
        ['earliest', 'bigint', rows.map(({ earliest }) => earliest)],
        ['released', 'bigint', rows.map(({ released }) => released)],
        ['sum', 'integer', rows.map((row) => sumOf(streamValues(row)))],
      ],
      fixed: [['name', 'text', rows.map(({ stream }) => stream)]],
    })
  }

  types(added: readonly (readonly [string, number])[]): Statement {
    return this.#statement(
      'types',
      `insert into ${this.#table('type')} (journal, id, name)
       select $1, t.* from unnest($2::integer[], $3::text[]) as t`,
      [added.map(([, id]) => id), added.map(([name]) => name)],
    )
  }

  blobs(rows: GroupWrite['blobs']): Statement {
    return this.#statement(
      'blobs',
      `insert into ${this.#table('blob')} (journal, named, digest, bytes, data)
       select $1, true, b.* from unnest($2::text[], $3::bigint[], $4::bytea[]) as b on conflict do nothing`,
      [rows.map(({ digest }) => digest), rows.map(({ bytes }) => bytes), rows.map(({ data }) => Buffer.from(data))],
    )
  }

  blobsNamed(events: readonly NewEventRow[]): Statement {
    return this.#statement(
      'blobs-named',
      `update ${this.#table('blob')} set named = true where journal = $1 and digest = any($2::text[]) and not named`,
      [[...new Set(events.flatMap(({ blobs }) => blobs))]],
    )
  }

  blobNames(events: readonly NewEventRow[]): Statement {
    const names = events.flatMap(({ position, blobs }) => blobs.map((digest) => ({ position, digest })))
    return this.#statement(
      'blob-names',
      `insert into ${this.#table('blob_name')} (journal, position, digest)
       select $1, n.* from unnest($2::bigint[], $3::text[]) as n`,
      [names.map(({ position }) => position), names.map(({ digest }) => digest)],
    )
  }

  commands(rows: GroupWrite['commands']): Statement {
    return this.#upsert('command', {
      key: ['id', 'text', rows.map(({ id }) => id)],
      changes: [
        ['time', 'bigint', rows.map(({ time }) => time)],
        ['text', 'text', rows.map(({ text }) => text)],
        ['sum', 'integer', rows.map((row) => sumOf(commandValues(row)))],
      ],
    })
  }

  agenda(rows: readonly { readonly id: string; readonly due: number; readonly data: string | undefined }[]): Statement {
    return this.#statement(
      'agenda',
      `insert into ${this.#table('agenda_entry')} (journal, id, due, data, sum, held_until)
       select $1, r.*, coalesce((select l.until from ${this.#table('lease')} l
                                  where l.journal = $1 and l.name = r.id and l.held), 0)
         from unnest($2::text[], $3::bigint[], $4::text[], $5::integer[]) as r (id, due, data, sum)
       on conflict (journal, id) do update
       set due = excluded.due, data = excluded.data, sum = excluded.sum, held_until = excluded.held_until`,
      [
        rows.map(({ id }) => id),
        rows.map(({ due }) => due),
        rows.map(({ data }) => data ?? null),
        rows.map((row) => sumOf(agendaValues(row))),
      ],
    )
  }

  /** What the agenda says of the leases of entries that the group doesn't change. Most leases are of no entry. */
  held(names: readonly string[]): Statement {
    return this.#statement(
      'agenda-held',
      `update ${this.#table('agenda_entry')} a
          set held_until = coalesce((select l.until from ${this.#table('lease')} l
                                      where l.journal = $1 and l.name = a.id and l.held), 0)
        where ${this.#named('agenda_entry', 'id')}`,
      [names],
    )
  }

  leases(rows: readonly LeaseRow[]): Statement {
    return this.#upsert('lease', {
      key: ['name', 'text', rows.map(({ lease }) => lease)],
      changes: [
        ['owner', 'text', rows.map(({ owner }) => owner)],
        ['token', 'bigint', rows.map(({ token }) => token)],
        ['until', 'bigint', rows.map(({ until }) => until)],
        ['held', 'boolean', rows.map(({ held }) => held)],
        ['sum', 'integer', rows.map((row) => sumOf(leaseValues(row)))],
      ],
    })
  }

  pins(
    rows: readonly { pin: string; stream: string | undefined; from: number; until: number | undefined }[],
  ): Statement {
    return this.#upsert('pin', {
      key: ['name', 'text', rows.map(({ pin }) => pin)],
      changes: [
        ['stream', 'text', rows.map(({ stream }) => stream ?? null)],
        ['from_', 'bigint', rows.map(({ from }) => from)],
        ['until', 'bigint', rows.map(({ until }) => until ?? null)],
        ['sum', 'integer', rows.map((row) => sumOf(pinValues(row)))],
      ],
    })
  }

  cleared(table: string, key: string, names: readonly string[]): Statement {
    const text = `delete from ${this.#table(table)} a where ${this.#named(table, key)}`
    return this.#statement(`${table}-cleared`, text, [names])
  }

  claimsEnded(owner: string, digests: readonly string[]): Statement {
    const text = `delete from ${this.#table('claim')} where journal = $1 and owner = $2 and digest = any($3::text[])`
    return this.#statement('claims-ended', text, [owner, digests])
  }

  head(head: HeadRow, { streams, types }: Numbers): Statement {
    const columns = Object.values(headColumnOf)
    const sets = columns.map((column, index) => `${column} = $${index + 5}`)
    const values = Object.keys(headColumnOf).map((name) => head[name as keyof HeadChange] ?? null)
    return this.#statement(
      'head',
      `update ${this.#table('head')} set streams = $2, types = $3, sum = $4, ${sets.join(', ')} where journal = $1`,
      [streams.last, types.last, sumOf(headValues(head)), ...values],
    )
  }

  /** Rows that are new or replace what they change; all columns as arrays of one length. */
  #upsert(table: string, rows: Upsert): Statement {
    const { key, changes, fixed = [] } = rows
    const columns = [key, ...changes, ...fixed]
    const arrays = columns.map(([, type], index) => `$${index + 2}::${type}[]`)
    const sets = changes.map(([name]) => `${name} = excluded.${name}`)
    return this.#statement(
      table,
      `insert into ${this.#table(table)} (journal, ${columns.map(([name]) => name).join(', ')})
       select $1, r.* from unnest(${arrays.join(', ')}) as r
       on conflict (journal, ${key[0]}) do update set ${sets.join(', ')}`,
      columns.map(([, , values]) => values),
    )
  }

  /** The rows of these names, by their places, each looked up in the index: see lookups.ts. The head row's lock keeps them where
   * they are. */
  #named(table: string, key: string): string {
    return `a.ctid = any (array(
      select found.ctid from unnest($2::text[]) as named (name) cross join lateral
        (select x.ctid from ${this.#table(table)} x where x.journal = $1 and x.${key} = named.name limit 1) found))`
  }

  #statement(name: string, text: string, values: readonly unknown[]): Statement {
    return { name: `holdfast-${name}`, text, values: [this.#scope.journal, ...values] }
  }

  #table(name: string): string {
    return `${this.#scope.schema}.${name}`
  }
}

type Column = readonly [name: string, type: string, values: readonly unknown[]]

interface Upsert {
  readonly key: Column
  readonly changes: readonly Column[]
  /** Set when the row is new. */
  readonly fixed?: readonly Column[]
}

const headColumnOf: Readonly<Record<keyof HeadChange, string>> = {
  position: 'position',
  durable: 'durable',
  time: 'time',
  eventTime: 'event_time',
  earliest: 'earliest',
  events: 'events',
  bytes: 'bytes',
  forgetBefore: 'forget_before',
  copying: 'copying',
}
