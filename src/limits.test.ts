// The relations between the limits: what one promises, another must leave room for. Each line says which promise.

import { describe, expect, it } from 'vitest'
import { promptBytesMax } from './disks/prompt-reads.ts'
import { limits } from './limits.ts'

describe('limits', () => {
  it('are whole positive numbers', () => {
    for (const [name, value] of Object.entries(limits)) {
      expect(Number.isSafeInteger(value) && value > 0, name).toBe(true)
    }
  })

  it('let the largest event into a batch, a group, the queue and an import file', () => {
    expect(limits.eventBytesMax).toBeLessThanOrEqual(limits.batchBytesMax)
    expect(limits.eventBytesMax).toBeLessThanOrEqual(limits.groupBytesMax)
    expect(limits.batchBytesMax).toBeLessThanOrEqual(limits.queueBytesMax)
    // An exported line holds the event and what the export says about it.
    expect(limits.eventBytesMax).toBeLessThan(limits.importLineBytesMax)
  })

  it('let an append that the journal takes also come through the inbox', () => {
    expect(limits.batchBytesMax).toBeLessThanOrEqual(limits.inboxCommandBytesMax)
  })

  it('let as many appends wait as one batch could have had events', () => {
    expect(limits.queueWaitersMax).toBeGreaterThanOrEqual(limits.batchEventsMax)
  })

  it('allow the rotation size that is the default', () => {
    expect(limits.segmentBytesMin).toBeLessThanOrEqual(limits.segmentBytes)
    expect(limits.segmentBytes).toBeLessThanOrEqual(limits.segmentBytesMax)
  })

  it('keep the offsets of a segment, with the one batch that it may grow by, within 32 bits', () => {
    expect(limits.segmentBytesMax + limits.batchBytesMax).toBeLessThan(2 ** 32)
  })

  it('make the smallest segment hold its header and the longest names twice', () => {
    expect(limits.segmentBytesMin).toBeGreaterThan(2 * (limits.streamNameBytesMax + limits.nameBytesMax))
  })

  it('bring inline blobs, also as base64, into an event-sized record', () => {
    expect(Math.ceil(limits.blobInlineBytesMax / 3) * 4).toBeLessThan(limits.eventBytesMax)
  })

  it('order the sizes of chunks, none of them above what a blob may be', () => {
    expect(limits.chunkBytesMin).toBeLessThan(limits.chunkBytesAverage)
    expect(limits.chunkBytesAverage).toBeLessThan(limits.chunkBytesMax)
    expect(limits.chunkBytesMax).toBeLessThanOrEqual(limits.blobBytesMax)
    // What is too large for the log is at most one short chunk larger than what is not.
    expect(limits.blobInlineBytesMax).toBeLessThan(limits.chunkBytesMin)
  })

  it('fit the chunk list of the largest blob into one record', () => {
    const chunkEntryBytes = 64 + 16
    const chunksMax = Math.ceil(limits.blobBytesMax / limits.chunkBytesMin)
    expect(chunksMax * chunkEntryBytes).toBeLessThan(limits.batchBytesMax)
  })

  it('make a page of reading smaller than the segment that it is read from', () => {
    expect(limits.pageBytes).toBeLessThan(limits.segmentBytes)
    expect(limits.pageEventsMax).toBeLessThanOrEqual(limits.batchEventsMax)
  })

  it('let retention work in smaller pieces than a reader, and sync less at a time than a segment', () => {
    expect(limits.upkeepPieceBytes).toBeLessThan(limits.pageBytes)
    // Read at once, since who works in pieces gives turns by himself.
    expect(limits.upkeepPieceBytes).toBeLessThan(promptBytesMax)
    // A piece is written when there are two of them.
    expect(2 * limits.upkeepPieceBytes).toBeLessThanOrEqual(limits.upkeepSyncBytes)
    expect(limits.upkeepSyncBytes).toBeLessThan(limits.segmentBytes)
  })
})
