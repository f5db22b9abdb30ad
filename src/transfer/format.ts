// The file of an export: JSON Lines in UTF-8, each line framed as in a log (core/record.ts), so that jq reads it and any
// change shows.
//
//   {"holdfast-export":1,"journal":…,"epoch":…,"created":…          the header; its link is 00000000
//   records in the order of Store.dump(): {"control":…  {"chunk":…  {"position":…
//   {"end":true,"events":…,"records":…,"blobs":…,"bytes":…,"sha256":…
//
// The first record's link is 00000000 too, each other line's the sum of the line before: two exports of the same content
// differ in header and trailer only. `bytes` and `sha256` are of everything before the trailer, header included.

import type { TimeMs } from '../core/numbers.ts'

export const exportVersion = 1

export interface ExportHeader {
  readonly journal: string
  readonly epoch: string
  readonly created: TimeMs
}

export interface ExportCounts {
  readonly events: number
  /** Lines between header and trailer. */
  readonly records: number
  readonly blobs: number
}

export interface ExportTrailer extends ExportCounts {
  readonly bytes: number
  readonly sha256: string
}

export const starts = {
  header: '{"holdfast-export":',
  event: '{"position":',
  control: '{"control":',
  blob: '{"control":"blob"',
  chunk: '{"chunk":"',
  trailer: '{"end":true,',
} as const

export function exportHeaderBody({ journal, epoch, created }: ExportHeader): string {
  return JSON.stringify({ 'holdfast-export': exportVersion, journal, epoch, created }).slice(0, -1)
}

export function chunkBody(chunk: string): string {
  return `${starts.chunk}${chunk}"`
}

export function trailerBody({ events, records, blobs, bytes, sha256 }: ExportTrailer): string {
  return JSON.stringify({ end: true, events, records, blobs, bytes, sha256 }).slice(0, -1)
}
