// Where things are in a journal's directory, and which names mean what (FORMAT.md, section 1).

import type { Position } from '../core/numbers.ts'

export const folders: {
  readonly segments: 'segments'
  readonly fences: 'fences'
  readonly blobs: 'blobs'
  readonly index: 'index'
  readonly state: 'state'
  readonly inbox: 'inbox'
  readonly setAside: 'set-aside'
} = {
  segments: 'segments',
  fences: 'fences',
  blobs: 'blobs',
  index: 'index',
  state: 'state',
  inbox: 'inbox',
  setAside: 'set-aside',
}

export const identityPath = 'journal.json'
export const durablePath = 'durable'
/** Where the journal has gone. */
export const movedPath = 'moved.json'
/** Stands in place of the identity while a copy is made here. */
export const copyingPath = 'copying.json'

const segmentPattern = /^(\d{20})(?:_(\d{4}))?\.jsonl$/

/** The file name of a segment that may first hold `first`. `tie` tells apart segments that begin at one position. */
export function segmentName(first: Position, tie: number): string {
  const digits = String(first).padStart(20, '0')
  return tie === 0 ? `${digits}.jsonl` : `${digits}_${String(tie).padStart(4, '0')}.jsonl`
}

export function parseSegmentName(name: string): { readonly first: Position; readonly tie: number } | undefined {
  const match = segmentPattern.exec(name)
  return match === null ? undefined : { first: Number(match[1]), tie: Number(match[2] ?? 0) }
}

/** The name that follows `previous` for a segment beginning at `first`. */
export function nextSegmentName(previous: string, first: Position): string {
  const before = parseSegmentName(previous)
  return segmentName(first, before !== undefined && before.first === first ? before.tie + 1 : 0)
}

/** Name order is log order: by bytes, where '.' stands before '_'. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function segmentPath(name: string): string {
  return `${folders.segments}/${name}`
}

export function indexName(segment: string): string {
  return segment.slice(0, -'.jsonl'.length)
}

export function fencePath(fence: number): string {
  return `${folders.fences}/${String(fence).padStart(8, '0')}.json`
}

export function parseFenceName(name: string): number | undefined {
  const match = /^(\d{8})\.json$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function blobPath(digest: string): string {
  return `${folders.blobs}/${digest.slice(0, 2)}/${digest}`
}

export function isPart(name: string): boolean {
  return name.endsWith('.part')
}
