// A large journal made by the server itself, in seconds: events with true checksums, so that everything reads as if it had
// been appended.

import type pg from 'pg'

export interface LargeJournal {
  readonly events: number
  readonly streams: number
  readonly agenda: number
}

/** Into the journal of this number, which is empty. */
export async function fill(
  client: pg.Client,
  journal: number,
  { events, streams, agenda }: LargeJournal,
): Promise<void> {
  await client.query('set search_path to holdfast')
  await client.query('set synchronous_commit = off')
  const run = (text: string): Promise<unknown> => client.query(text.replaceAll('$journal', String(journal)))
  const time = 1_700_000_000_000
  // As rowSum() takes it: over the values as JSON, in the column's signed integer.
  await run(`create function pg_temp.sum_of(list text) returns integer language sql immutable as
             $$ select (case when c > 2147483647 then c - 4294967296 else c end)::integer
                  from (select crc32(convert_to(list, 'UTF8')) as c) s $$`)
  await run(`insert into type (journal, id, name) select $journal, n, 'type-' || n from generate_series(1, 20) n`)
  await run(`insert into stream (journal, id, name, seq, position, earliest, released, sum)
             select $journal, n + 1, 'run/' || lpad(n::text, 8, '0'), e.seq, e.position, 1, 0,
                    pg_temp.sum_of('["run/' || lpad(n::text, 8, '0') || '",' || e.seq || ',' || e.position || ',1,0]')
               from generate_series(0, ${streams - 1}) n
              cross join lateral (select (${events} - 1 - n) / ${streams} + 1 as seq,
                                         ((${events} - 1 - n) / ${streams}) * ${streams} + n + 1 as position) e`)
  const remake = await withoutIndexes(client)
  await run(`insert into event (journal, position, seq, time, stream, type, sum, text)
             select $journal, p, seq, ${time} + p, stream + 1, type,
                    case when crc > 2147483647 then crc - 4294967296 else crc end, body || '}'
               from (select *, crc32(convert_to(body, 'UTF8')) as crc from (
                 select p, (p - 1) / ${streams} + 1 as seq, (p - 1) % ${streams} as stream, p % 20 + 1 as type,
                        '{"position":' || p || ',"stream":"run/' || lpad(((p - 1) % ${streams})::text, 8, '0') ||
                        '","seq":' || ((p - 1) / ${streams} + 1) || ',"time":' || (${time} + p) || ',"type":"type-' ||
                        (p % 20 + 1) || '","data":{"n":' || p || ',"text":"' || repeat('lorem ipsum ', 12) || '"}' as body
                   from generate_series(1, ${events}) p) made) summed`)
  await remake()
  await run(`insert into agenda_entry (journal, id, due, data, sum)
             select $journal, id, due, '{}', pg_temp.sum_of('["' || id || '",' || due || ',"{}"]')
               from (select 'run/' || lpad((n * 7919 % 1000003)::text, 8, '0') as id, ${time} + n as due
                       from generate_series(1, ${agenda}) n) made`)
  await run(`insert into command (journal, id, time, text, sum)
             select $journal, id, time, text, pg_temp.sum_of('["' || id || '",' || time || ',' || to_json(text) || ']')
               from (select 'command-' || n as id, ${time} + n as time, '{"control":"command","id":"command-' || n || '","time":' ||
                    (${time} + n) || ',"digest":"0","position":' || n || ',"events":[["run/00000000",1,' || n || ']]}' as text
                       from generate_series(1, ${agenda}) n) made`)
  await run(`insert into lease (journal, name, owner, token, until, held, sum)
             select $journal, 'lease-' || n, 'owner', 1, ${time}, true,
                    pg_temp.sum_of('["lease-' || n || '","owner",1,${time},1]') from generate_series(1, 1000) n`)
  await fillOthers(run, events)
  await run(`update head set position = ${events}, durable = ${events}, time = ${time + events}, event_time = ${time + events},
                    events = ${events}, bytes = ${events} * 300::bigint, streams = ${streams}, types = 20,
                    sum = pg_temp.sum_of('["' || journal_id || '","' || epoch || '",' || created || ',${[events, events, time + events, time + events, 1, events, events * 300, 0, null].map((value) => value ?? 'null').join(',')}]')
              where journal = $journal`)
  await client.query('vacuum analyze')
}

/** So many rows in every other table that grows that the planner has to think: what stands in few pages is read whole, and
 * rightly so. None of it belongs to an event. */
async function fillOthers(run: (text: string) => Promise<unknown>, events: number): Promise<void> {
  const content = "convert_to('content ' || n, 'UTF8')"
  const digest = `encode(sha256(${content}), 'hex')`
  const rows = 'from generate_series(1, 20000) n'
  await run(
    `insert into blob (journal, named, bytes, digest, data) select $journal, true, octet_length(${content}), ${digest}, ${content} ${rows}`,
  )
  await run(`insert into blob_name (journal, position, digest) select $journal, ${events} + n, ${digest} ${rows}`)
  await run(`insert into chunk (journal, digest, data) select $journal, ${digest}, ${content} ${rows}`)
  await run(`insert into blob_chunk (journal, ordinal, digest, chunk) select $journal, 0, ${digest}, ${digest} ${rows}`)
  await run(`insert into arrival_chunk (arrival, journal, ordinal, chunk) select -n, $journal, 0, ${digest} ${rows}`)
  await run(`insert into removed (journal, from_, to_) select $journal, ${events} + 2 * n, ${events} + 2 * n ${rows}`)
  await run(`insert into span (journal, stream, part, from_, to_, first, last)
             select $journal, n % 10000, ${events} + 2 * n, ${events} + 2 * n, ${events} + 2 * n, 1, 1 ${rows}`)
}

/** Made again at the end, which takes less than keeping them up. Returns how. */
async function withoutIndexes(client: pg.Client): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ name: string; text: string }>(
    "select indexname as name, indexdef as text from pg_indexes where schemaname = 'holdfast' and tablename = 'event' and indexname <> 'event_pkey'",
  )
  for (const { name } of rows) await client.query(`drop index ${name}`)
  return async () => {
    for (const { text } of rows) await client.query(text)
  }
}
