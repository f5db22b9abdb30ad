-- The tables of the PostgreSQL store, version 2. This file is run once, inside one transaction, with search_path set to
-- the store's own schema ("holdfast" unless the URL says ?schema=…). Any client may read all of it; nothing but
-- Holdfast may write. One set of tables holds any number of journals: each row says whose it is.
--
-- A tour
--   head      one row for each journal: its name, its identity, and the numbers that go on. Whoever appends locks this row
--             first and keeps it until COMMIT. So positions have no gaps, they become visible in the order in which they
--             were given out (a reader that has seen 7 will never find a new 6), and time never runs backwards.
--   writer    one row for each process that has the journal open for writing. Its number of groups changes in the very
--             transaction of each group: when a connection is cut while COMMIT was on its way, the number tells over the
--             next connection whether that group took effect, on a promoted standby as well.
--   event     the history. "text" is the encoded event, byte for byte as it was checked and summed when it was appended,
--             and "sum" is its CRC-32, checked on every read. It is text and not jsonb, because jsonb would reorder keys,
--             drop what it takes for duplicates and change numbers: what is read must be what was written. The other
--             columns repeat what the text says, so that it can be found.
--   stream    a stream's name once, with its last seq and what is retained; events refer to it by number, which keeps a name
--             of up to 512 bytes out of every index. "type" does the same for types.
--   command   which command ids took effect, with their receipts.
--   agenda_entry, lease, pin     what is due when, who owns what, what retention must keep.
--   blob, blob_name, blob_chunk, chunk     content by its SHA-256, which events name it, and its pieces, which blobs share.
--   arrival, arrival_chunk, claim          content that is on its way in, and who protects what no event names yet.
--   removed, span                          where events stood that retention took, and of which streams.
-- Behind the tables stand views for people, named in the plural: events, streams, agenda, leases, commands, runs, jobs.
--
-- Rows that are no events carry a CRC-32 of their values in "sum" too, checked whenever they are read: databases notice torn
-- pages, not every flipped bit.
--
-- Names compare as bytes everywhere (COLLATE "C"), whatever the database's own order is: so they do in every other store.
-- Times are milliseconds since 1970 (UTC). head, writer, stream and lease are updated all the time: their pages keep room
-- (fillfactor), and no index covers what changes, so an update stays on its page and leaves no work for a vacuum (HOT).

create table format (
  version integer not null,
  made    timestamptz not null default now()
);

create table head (
  journal       integer primary key,
  name          text collate "C" not null unique,
  journal_id    text not null,
  epoch         text not null,
  created       bigint not null,
  position      bigint not null default 0,
  durable       bigint not null default 0,
  time          bigint not null default 0,
  event_time    bigint not null default 0,
  earliest      bigint not null default 1,
  events        bigint not null default 0,
  bytes         bigint not null default 0,
  forget_before bigint not null default 0,
  -- Numbers given out to streams and types.
  streams       integer not null default 0,
  types         integer not null default 0,
  -- What copying noted, as JSON: that this is no journal yet, where the journal goes, what it was made from.
  copying       text,
  sum           integer not null
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

create table writer (
  writer  text collate "C" primary key,
  journal integer not null,
  groups  bigint not null default 0,
  seen    timestamptz not null default now(),
  probe   text
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

create table stream (
  journal  integer not null,
  id       integer not null,
  seq      bigint not null,
  position bigint not null,
  earliest bigint not null,
  released bigint not null,
  sum      integer not null,
  name     text collate "C" not null,
  primary key (journal, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create unique index stream_by_name on stream (journal, name);
create index stream_released on stream (journal, name) where released > 0;

create table type (
  journal integer not null,
  id      integer not null,
  name    text collate "C" not null,
  primary key (journal, id)
);
create unique index type_by_name on type (journal, name);

create table event (
  position bigint not null,
  seq      bigint not null,
  time     bigint not null,
  journal  integer not null,
  stream   integer not null,
  type     integer not null,
  sum      integer not null,
  text     text collate "C" not null,
  primary key (journal, position)
);
-- A stream read by seq; no seq twice.
create unique index event_by_seq on event (journal, stream, seq);
-- Streams of a prefix, merged by position.
create index event_by_stream on event (journal, stream, position);
create index event_by_type on event (journal, type, position);

create table command (
  journal integer not null,
  sum     integer not null,
  time    bigint not null,
  id      text collate "C" not null,
  text    text collate "C" not null,
  primary key (journal, id)
);
create index command_by_time on command (journal, time);

create table agenda_entry (
  journal integer not null,
  sum     integer not null,
  due     bigint not null,
  -- Until when the lease of the same name is held; 0: it is not. It says the same as the lease's row and is kept beside it,
  -- so that claims find what is free without a look at what is held, however much that is.
  held_until bigint not null default 0,
  id      text collate "C" not null,
  data    text collate "C",
  primary key (journal, id)
) with (autovacuum_vacuum_scale_factor = 0.05);
-- What is free by due time, and what is held by the time to which it is. An index by due time alone would lead claims past all
-- that is held, and the planner would choose it.
create index agenda_entry_free on agenda_entry (journal, held_until, due, id);

create table lease (
  journal integer not null,
  sum     integer not null,
  token   bigint not null,
  until   bigint not null,
  held    boolean not null,
  name    text collate "C" not null,
  owner   text collate "C" not null,
  primary key (journal, name)
) with (fillfactor = 70);
-- Since version 2: what one owner holds. Released leases have no row, but for one row that stands for all of them: its name is
-- no name (core/lease-floor.ts), its token the highest that any of them had.
create index lease_by_owner on lease (journal, owner, name) where held;

create table pin (
  journal integer not null,
  sum     integer not null,
  from_   bigint not null,
  until   bigint,
  name    text collate "C" not null,
  stream  text collate "C",
  primary key (journal, name)
);

create table blob (
  journal integer not null,
  -- An event names it. What none names is there for its claims only.
  named   boolean not null,
  bytes   bigint not null,
  digest  text collate "C" not null,
  -- Small content; larger content stands in chunks.
  data    bytea,
  primary key (journal, digest)
);
create index blob_unnamed on blob (journal, digest) where not named;

create table blob_name (
  journal  integer not null,
  position bigint not null,
  digest   text collate "C" not null,
  primary key (journal, position, digest)
);
create index blob_name_by_digest on blob_name (journal, digest);

create table chunk (
  journal integer not null,
  digest  text collate "C" not null,
  data    bytea not null,
  primary key (journal, digest)
);
-- Images and archives don't get smaller a second time.
alter table chunk alter column data set storage external;

create table blob_chunk (
  journal integer not null,
  ordinal integer not null,
  digest  text collate "C" not null,
  chunk   text collate "C" not null,
  primary key (journal, digest, ordinal)
);
create index blob_chunk_by_chunk on blob_chunk (journal, chunk);

create table arrival (
  arrival bigint generated always as identity primary key,
  journal integer not null,
  until   bigint not null,
  owner   text collate "C" not null
);

create table arrival_chunk (
  arrival bigint not null,
  journal integer not null,
  ordinal integer not null,
  chunk   text collate "C" not null,
  primary key (arrival, ordinal)
);
create index arrival_chunk_by_chunk on arrival_chunk (journal, chunk);

create table claim (
  journal integer not null,
  until   bigint not null,
  digest  text collate "C" not null,
  owner   text collate "C" not null,
  primary key (journal, digest, owner)
);
create index claim_by_owner on claim (journal, owner);

create table removed (
  journal integer not null,
  from_   bigint not null,
  to_     bigint not null,
  primary key (journal, from_)
);
create index removed_by_end on removed (journal, to_);

create table span (
  journal integer not null,
  stream  integer not null,
  part    bigint not null,
  from_   bigint not null,
  to_     bigint not null,
  first   bigint not null,
  last    bigint not null,
  primary key (journal, part, stream, from_)
);

-- For people and reports. A payload that jsonb can't hold (the character NUL, half a surrogate pair) shows as null there;
-- "text" always shows it as it was written.
create view events as
  select h.name as journal, e.position, s.name as stream, e.seq, to_timestamp(e.time / 1000.0) as time, t.name as type,
         case when e.text !~ '\\u(0000|[dD][89a-fA-F])' then e.text::jsonb -> 'data' end as data,
         case when e.text !~ '\\u(0000|[dD][89a-fA-F])' then e.text::jsonb -> 'meta' end as meta,
         lpad(to_hex(e.sum), 8, '0') as sum, e.text
    from event e
    join head h on h.journal = e.journal
    join stream s on s.journal = e.journal and s.id = e.stream
    join type t on t.journal = e.journal and t.id = e.type;

create view streams as
  select h.name as journal, s.name as stream, s.seq, s.position, s.earliest, s.released
    from stream s
    join head h on h.journal = s.journal
   where s.seq > 0;

create view agenda as
  select h.name as journal, a.id, to_timestamp(a.due / 1000.0) as due, a.data
    from agenda_entry a
    join head h on h.journal = a.journal;

create view leases as
  select h.name as journal, l.name as lease, l.owner, l.token, to_timestamp(l.until / 1000.0) as until, l.held
    from lease l
    join head h on h.journal = l.journal
   where l.name <> chr(1);

create view commands as
  select h.name as journal, c.id, to_timestamp(c.time / 1000.0) as time, c.text as receipt
    from command c
    join head h on h.journal = c.journal;

-- Runs and jobs are streams by their names; "begun" is the time of the oldest event that is retained.
create view runs as
  select h.name as journal, substr(s.name, 5) as run, to_timestamp(begun.time / 1000.0) as begun,
         to_timestamp(newest.time / 1000.0) as last_time,
         (select t.name from type t where t.journal = s.journal and t.id = newest.type) as last_type, s.seq as events
    from stream s
    join head h on h.journal = s.journal
    left join event begun on begun.journal = s.journal and begun.stream = s.id and begun.seq = s.earliest
    left join event newest on newest.journal = s.journal and newest.stream = s.id and newest.seq = s.seq
   where s.seq > 0 and s.name >= 'run/' and s.name < 'run0';

create view jobs as
  select h.name as journal, substr(s.name, 5) as job, to_timestamp(begun.time / 1000.0) as begun,
         to_timestamp(newest.time / 1000.0) as last_time,
         (select t.name from type t where t.journal = s.journal and t.id = newest.type) as last_type, s.seq as events
    from stream s
    join head h on h.journal = s.journal
    left join event begun on begun.journal = s.journal and begun.stream = s.id and begun.seq = s.earliest
    left join event newest on newest.journal = s.journal and newest.stream = s.id and newest.seq = s.seq
   where s.seq > 0 and s.name >= 'job/' and s.name < 'job0';
