// A write transaction for upkeep, on the connection that writes. Its reads are the writer's own, so they see what it wrote.

import type { EventScan, GroupWrite, RemovalWrite, SqlReader, SqlUpkeep } from '../sql/backend.ts'
import type { ChunkRow, HeadChange } from '../sql/rows.ts'
import type { SqliteWriter } from './writer.ts'

/** The writer, and nothing of it that would begin another transaction. `cleared` is called when all is gone that was there. */
export function upkeepOf(writer: SqliteWriter, cleared: () => void): SqlUpkeep {
  let isCleared = false
  writer.syncCommits(true)
  writer.beginNow()
  return {
    ...readsOf(writer),
    remove: async (write: RemovalWrite) => writer.removeNow(write),
    setHead: async (change: HeadChange) => writer.setHeadNow(change),
    dropPins: async (names) => writer.dropPinsNow(names),
    forgetCommands: async (before, rowsMax) => writer.forgetCommandsNow(before, rowsMax),
    collectBlobs: async (now, rowsMax) => writer.blobRows.collect(now, rowsMax),
    load: async (write: Omit<GroupWrite, 'sync' | 'claimsEnded'>) => writer.writeRows(write),
    loadBlob: async (digest: string, bytes: number, chunks: readonly ChunkRow[]) => {
      const id = writer.blobRows.begin()
      writer.blobRows.addChunks(id, chunks)
      writer.blobRows.finish(id, { digest, bytes })
    },
    clear: async () => {
      writer.clearNow()
      isCleared = true
    },
    commit: async () => {
      writer.commitNow()
      if (isCleared) cleared()
    },
    rollback: async () => writer.rollbackNow(),
  }
}

export function readsOf(reader: SqlReader): SqlReader {
  return {
    head: () => reader.head(),
    events: (scan: EventScan) => reader.events(scan),
    eventsAt: (positions, bytesMax) => reader.eventsAt(positions, bytesMax),
    positions: (scan) => reader.positions(scan),
    firstAtOrAfter: (time, from) => reader.firstAtOrAfter(time, from),
    sizes: (scan) => reader.sizes(scan),
    stream: (name) => reader.stream(name),
    streams: (query) => reader.streams(query),
    released: (query) => reader.released(query),
    command: (id) => reader.command(id),
    commands: (query) => reader.commands(query),
    commandsBefore: (time) => reader.commandsBefore(time),
    agenda: (query) => reader.agenda(query),
    agendaById: (query) => reader.agendaById(query),
    lease: (name) => reader.lease(name),
    leases: (query) => reader.leases(query),
    leasesOf: (query) => reader.leasesOf(query),
    pins: () => reader.pins(),
    blob: (digest) => reader.blob(digest),
    chunks: (digest, from, bytesMax) => reader.chunks(digest, from, bytesMax),
    blobs: (query) => reader.blobs(query),
    unusedBlobs: (now) => reader.unusedBlobs(now),
    namings: (positions) => reader.namings(positions),
    references: (digests, now) => reader.references(digests, now),
    removed: (query) => reader.removed(query),
    removedBeside: (blocks) => reader.removedBeside(blocks),
    spans: (query) => reader.spans(query),
    figures: (now) => reader.figures(now),
  }
}
