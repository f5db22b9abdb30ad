// Whether a parsed line has the fields that its kind must have. A line that passes its checksum was written so; if it
// has another shape, a defective or foreign program wrote it, and nothing behind it may trip over it.

import type { Control } from '../../core/control.ts'
import type { RawEvent } from '../../stores/store.ts'

type Fields = Readonly<Record<string, unknown>>

export function isEvent(event: RawEvent): boolean {
  const { position, stream, seq, time, type, version, blobs } = event
  return (
    isAbove0(position) &&
    typeof stream === 'string' &&
    isAbove0(seq) &&
    isCount(time) &&
    typeof type === 'string' &&
    isAbove0(version) &&
    isListOf(blobs, isText) &&
    event.data !== undefined
  )
}

/** undefined when this release doesn't know the kind. */
export function isControl(control: Control): boolean | undefined {
  return shapes.get(control.control)?.(control as unknown as Fields)
}

const shapes: ReadonlyMap<string, (fields: Fields) => boolean> = new Map([
  ['agenda', ({ id, due }) => isText(id) && (due === null || isCount(due))],
  ['lease', ({ lease, owner, token }) => isText(lease) && isText(owner) && isCount(token)],
  [
    'command',
    ({ id, time, digest, events }) => isText(id) && isCount(time) && isText(digest) && isListOf(events, isPlace),
  ],
  ['forget', ({ before }) => isCount(before)],
  ['pin', ({ pin, from }) => isText(pin) && (from === null || isCount(from))],
  ['released', ({ stream, through }) => isText(stream) && isCount(through)],
  [
    'blob',
    ({ digest, bytes, data, chunks, gone }) =>
      isText(digest) && isCount(bytes) && (gone === true || isText(data) || isListOf(chunks, isChunk)),
  ],
  ['retain', isRetain],
  ['removed', ({ from, to, streams }) => isAbove0(from) && isAbove0(to) && isListOf(streams, isPlace)],
  ['rewrite', isRewrite],
  ['witness', ({ time }) => isCount(time)],
])

function isRetain({ time, before, keep, streams }: Fields): boolean {
  return (
    isCount(time) &&
    (before === undefined || isCount(before)) &&
    (keep === undefined || isListOf(keep, isStreamSeq)) &&
    (streams === undefined || isListOf(streams, isStreamSeq))
  )
}

function isRewrite({ old, sha256, bytes, sealed }: Fields): boolean {
  const isOld = Array.isArray(old) && old.length > 0 && old.every((each) => isListOf(each, isText) && each.length === 2)
  const isSealed = Array.isArray(sealed) && isText(sealed[0]) && isCount(sealed[1]) && isText(sealed[2])
  return isOld && isSealed && isText(sha256) && isCount(bytes)
}

/** [stream, number, number] */
function isPlace(value: unknown): boolean {
  return Array.isArray(value) && isText(value[0]) && isAbove0(value[1]) && isAbove0(value[2])
}

function isStreamSeq(value: unknown): boolean {
  return Array.isArray(value) && isText(value[0]) && isCount(value[1])
}

function isChunk(value: unknown): boolean {
  return isStreamSeq(value)
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(isItem)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isAbove0(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}
