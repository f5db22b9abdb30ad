// Every limit in one place, and how they relate. A limit that is passed gives a typed error (G10).
// Invariants between them are asserted by limits.test.ts.

export const limits = {
  /** Encoded bytes of one event, its line included. Larger payloads belong in blobs. */
  eventBytesMax: 4_194_304,
  /** Events in one batch. */
  batchEventsMax: 10_000,
  /** Encoded bytes of one batch; a batch never spans two segments, so a segment can grow to
   * segmentBytes + batchBytesMax. */
  batchBytesMax: 33_554_432,
  /** UTF-8 bytes of a stream name (512 so that every store can index it). */
  streamNameBytesMax: 512,
  /** UTF-8 bytes of an event type, a command id, a lease, pin or agenda name. */
  nameBytesMax: 512,
  /** How deeply a payload may nest. */
  depthMax: 128,
  /** Bytes of appends that are accepted but not yet written; past it, appends wait for room. */
  queueBytesMax: 67_108_864,
  /** Appends that may wait for room; past it, they are refused with QUEUE_FULL. */
  queueWaitersMax: 100_000,
  /** One write group: the most that goes into one write. */
  groupBytesMax: 8_388_608,
  /** Rotation size of a segment, by default. */
  segmentBytes: 8_388_608,
  /** A clean close seals a segment that has grown this far, so that the next opening has little to read. */
  sealAtCloseBytes: 1_048_576,
  segmentBytesMin: 4_096,
  segmentBytesMax: 1_073_741_824,
  /** A reader's page: at most this many events and about this many bytes (one event may be larger). */
  pageEventsMax: 1_024,
  pageBytes: 262_144,
  /** What retention reads and writes at a time: between two such pieces appends have their turn, so what a piece takes
   * is what an append may have to wait longer. So few that it is done while an append's write is on its way. */
  upkeepPieceBytes: 16_384,
  /** What retention lets gather before it syncs: an append's sync waits for what another makes the disk write. */
  upkeepSyncBytes: 65_536,
  /** Blob content at or below this rides in the log; larger content becomes chunk files. */
  blobInlineBytesMax: 4_096,
  /** Content-defined chunking of larger blobs. */
  chunkBytesMin: 16_384,
  chunkBytesAverage: 65_536,
  chunkBytesMax: 262_144,
  /** One blob, and all blobs staged but not yet named by an append. */
  blobBytesMax: 1_073_741_824,
  /** Commands waiting in the inbox for the owner. */
  inboxCommandsMax: 1_000,
  inboxCommandBytesMax: 33_554_432,
  /** Stream heads kept in memory beside those that changed since the last seal: so many of those that the last seal wrote
   * (none, if it wrote more), and so many that were looked up. The same for all else that is looked up. */
  stateCacheMax: 16_384,
  /** What claims keep in memory of the agenda's front, at least; twice that, unless more is due and held. */
  dueWindowEntries: 1_024,
  /** Encoded data of one broadcast, and how many may wait for one subscriber: then it loses the oldest. */
  liveBytesMax: 16_384,
  liveWaitingMax: 1_000,
  /** Runs that rest in memory; those that have rested longest are put out of it. As many as work at once, and not many more:
   * where most of the first few hundred stay, V8 takes it that all do, and gives every later one a place among what is old,
   * where garbage waits long. */
  runsResident: 64,
  /** For how long one that rests is not put out of memory by those that come after it. */
  runsRestMinMs: 10_000,
  /** Runs that begin, or are brought back into memory, at once. */
  runsWakingAtOnce: 64,
  /** After so many events of its own, a run that was begun or brought back makes room for the next. */
  runsBeginningEvents: 8,
  /** How deep runs can be children of runs. */
  runDepthMax: 100,
  /** Runs that a worker drives at once, by default. */
  workerConcurrency: 64,
  /** The first pause, and the longest, before a worker tries again a run that it could not go on with. */
  haltedPauseMs: 1_000,
  haltedPauseMsMax: 300_000,
  /** One line of an import file. No line of a journal is longer, so every export can be imported: the longest is the
   * receipt of a batch of batchEventsMax events with the longest stream names. */
  importLineBytesMax: 16_777_216,
} as const
