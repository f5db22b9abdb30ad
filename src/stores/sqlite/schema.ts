// The tables of a journal in SQLite, and views for people.
//
//   $ sqlite3 agent.db 'SELECT position, stream, seq, type, data FROM events ORDER BY position DESC LIMIT 5'
//
// A tour. `head` has one row: where the journal stands. Whoever appends holds SQLite's write lock and changes this row in
// the same transaction, so positions follow one another without a gap. `event` has one row per event: its text, byte for
// byte as every store of Holdfast encodes it, with its CRC-32, and a column for each thing that queries ask for. Names of
// streams and types stand once, in `stream` and `type`, and are numbers elsewhere: that is what keeps an event's two index
// entries at some 20 bytes. A stream's row outlives its events: its numbers go on.
//
// Indexes of `event`, and who uses them:
//   position (the rowid)          reading all events, forward and backward
//   event_by_stream               reading one stream; streams by prefix and types within a stream, without touching rows
//   event_by_type                 events of a type over all streams, newest first or oldest first
// Time has no index: it rises with position, so the place of a time is found by halving.
//
// Beside the events: `command` (the receipts of command ids), `agenda_entry` (what is due when), `lease`, `pin`; `blob` with
// `chunk` (content is stored once, and blobs share chunks), `event_blob` (who names what) and `claim` (what no event names
// yet). `removed` and `removed_span` tell where events stood that retention removed.
// Rows that are no events carry a CRC-32 of their values (`sum`), checked whenever they are read.
//
// The views (events, streams, agenda, leases, commands, runs, jobs) are for reading. What is written to the tables by other
// programs is found as damage. Text is compared as UTF-8 bytes (SQLite's BINARY).

/** 'Hold' */
export const applicationId = 0x486f6c64
/** PRAGMA user_version of what this release writes. */
export const schemaVersion = 2

/** What a journal holds, beside its head; what refers to others first. */
export const contentTables: readonly string[] = [
  ...['event_blob', 'blob_chunk', 'claim', 'chunk', 'blob', 'removed_span', 'removed'],
  ...['event', 'stream', 'type', 'command', 'agenda_entry', 'lease', 'pin'],
]

export const tables = `
CREATE TABLE head (
  only_row      INTEGER PRIMARY KEY CHECK (only_row = 1),
  journal_id    TEXT NOT NULL,
  epoch         TEXT NOT NULL,              -- identity of this history; cursors name it
  created       INTEGER NOT NULL,           -- times are milliseconds since 1970
  position      INTEGER NOT NULL,           -- newest position given out
  durable       INTEGER NOT NULL,           -- newest position that a synced commit covers: what readers see
  time          INTEGER NOT NULL,           -- of the newest record
  event_time    INTEGER NOT NULL,           -- of the newest event
  earliest      INTEGER NOT NULL,           -- oldest retained position
  events        INTEGER NOT NULL,           -- retained events …
  bytes         INTEGER NOT NULL,           -- … and what they cost in a log
  forget_before INTEGER NOT NULL,           -- command ids from before are forgotten
  copying       TEXT,                       -- what copying noted: no journal yet, where it goes, what it was made from
  sum           INTEGER NOT NULL
) STRICT;

CREATE TABLE stream (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  seq      INTEGER NOT NULL,                -- last one given out; 0: only released, or named by a pin
  position INTEGER NOT NULL,
  earliest INTEGER NOT NULL,                -- oldest retained seq; seq + 1 when nothing is
  released INTEGER NOT NULL,                -- through this seq, events may go
  sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX stream_released ON stream (name) WHERE released > 0;

CREATE TABLE type (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE event (
  position INTEGER PRIMARY KEY,
  stream   INTEGER NOT NULL,                -- stream.id
  seq      INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  type     INTEGER NOT NULL,                -- type.id
  sum      INTEGER NOT NULL,                -- CRC-32 of the text without its last brace
  text     TEXT NOT NULL                    -- the event as JSON
) STRICT;
CREATE INDEX event_by_stream ON event (stream, seq, type);
CREATE INDEX event_by_type ON event (type);

CREATE TABLE command (
  id   TEXT PRIMARY KEY,
  time INTEGER NOT NULL,
  text TEXT NOT NULL,                       -- its receipt and the digest of its content, as JSON
  sum  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX command_by_time ON command (time);

CREATE TABLE agenda_entry (
  id   TEXT PRIMARY KEY,
  due  INTEGER NOT NULL,
  data TEXT,
  sum  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agenda_by_due ON agenda_entry (due);

CREATE TABLE lease (
  name  TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  token INTEGER NOT NULL,
  until INTEGER NOT NULL,
  held  INTEGER NOT NULL,
  sum   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pin (
  name        TEXT PRIMARY KEY,
  stream      TEXT,                         -- from is a seq of this stream; without, a position
  from_number INTEGER NOT NULL,
  until       INTEGER,                      -- a soft pin ends by itself
  sum         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
  id     INTEGER PRIMARY KEY,
  digest TEXT UNIQUE,                       -- SHA-256; null while the content arrives
  bytes  INTEGER NOT NULL,
  data   BLOB,                              -- small content; larger content has chunks
  named  INTEGER NOT NULL                   -- 1: an event names it
) STRICT;
CREATE INDEX blob_unnamed ON blob (id) WHERE named = 0;

CREATE TABLE chunk (
  id     INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  data   BLOB NOT NULL
) STRICT;

CREATE TABLE blob_chunk (
  blob    INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  chunk   INTEGER NOT NULL,
  PRIMARY KEY (blob, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_chunk_by_chunk ON blob_chunk (chunk);

CREATE TABLE event_blob (
  blob     INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (blob, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_blob_by_position ON event_blob (position);

CREATE TABLE claim (
  blob  INTEGER NOT NULL,
  owner TEXT NOT NULL,                      -- an open store; its claims end with it, or at this time
  until INTEGER NOT NULL,
  PRIMARY KEY (blob, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE removed (
  from_position INTEGER PRIMARY KEY,
  to_position   INTEGER NOT NULL
) STRICT;

CREATE TABLE removed_span (
  part          INTEGER NOT NULL,           -- a position inside the block of "removed" that it belongs to
  stream        INTEGER NOT NULL,           -- stream.id
  from_position INTEGER NOT NULL,
  to_position   INTEGER NOT NULL,
  first_seq     INTEGER NOT NULL,
  last_seq      INTEGER NOT NULL,
  PRIMARY KEY (part, stream)
) STRICT, WITHOUT ROWID;
`

/** Version 2: what one owner holds is found by an index, and one row, which is no lease, stands for all that were released
 * (core/lease-floor.ts). */
export const releasedLeases: string = `
CREATE INDEX lease_by_owner ON lease (owner) WHERE held = 1;
DROP VIEW leases;
CREATE VIEW leases AS
  SELECT name AS lease, owner, token, held,
         strftime('%Y-%m-%dT%H:%M:%fZ', until / 1000.0, 'unixepoch') AS until, until AS until_ms
    FROM lease WHERE name <> char(1);
`

/** Of one stream in each row: its first and its last event, as far as they are retained. */
function lives(view: string, prefix: string): string {
  const end = `${prefix.slice(0, -1)}0` // the character behind '/'
  return `
CREATE VIEW ${view} AS
  SELECT substr(s.name, ${prefix.length + 1}) AS id,
         strftime('%Y-%m-%dT%H:%M:%fZ', a.time / 1000.0, 'unixepoch') AS begun,
         strftime('%Y-%m-%dT%H:%M:%fZ', z.time / 1000.0, 'unixepoch') AS last_time,
         t.name AS last_type,
         s.seq - s.earliest + 1 AS events,
         s.seq AS seq
    FROM stream s
    LEFT JOIN event a ON a.stream = s.id AND a.seq = s.earliest
    LEFT JOIN event z ON z.stream = s.id AND z.seq = s.seq
    LEFT JOIN type t ON t.id = z.type
   WHERE s.name >= '${prefix}' AND s.name < '${end}' AND s.seq > 0;
`
}

export const views: string = `
CREATE VIEW events AS
  SELECT e.position, s.name AS stream, e.seq,
         strftime('%Y-%m-%dT%H:%M:%fZ', e.time / 1000.0, 'unixepoch') AS time,
         e.time AS time_ms, t.name AS type,
         e.text -> '$.data' AS data, e.text -> '$.meta' AS meta,
         printf('%08x', e.sum) AS sum
    FROM event e JOIN stream s ON s.id = e.stream JOIN type t ON t.id = e.type;

CREATE VIEW streams AS
  SELECT name AS stream, seq, position, earliest, seq - earliest + 1 AS events, released
    FROM stream WHERE seq > 0;

CREATE VIEW agenda AS
  SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', due / 1000.0, 'unixepoch') AS due, due AS due_ms, data
    FROM agenda_entry;

CREATE VIEW leases AS
  SELECT name AS lease, owner, token, held,
         strftime('%Y-%m-%dT%H:%M:%fZ', until / 1000.0, 'unixepoch') AS until, until AS until_ms
    FROM lease;

CREATE VIEW commands AS
  SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', time / 1000.0, 'unixepoch') AS time, time AS time_ms,
         text ->> '$.position' AS position, json_array_length(text, '$.events') AS events
    FROM command;
${lives('runs', 'run/')}
${lives('jobs', 'job/')}
`
