// What the lines of a log say together: whether positions, seqs and times go on as they must, and what the state beside
// the events must be. It is a second fold beside engine/state.ts on purpose: bounded in memory (SampledMap), never
// stopped by what it meets, and able to disagree with the first.
//
// Damage breaks continuity: `breaks` counts such places, and what doesn't fit across one is its consequence, not
// another finding.

import { createHash } from 'node:crypto'
import type { BlobControl, Control, RemovedControl, RetainControl, RewriteControl } from '../../core/control.ts'
import type { ByteOffset, Position, Seq, TimeMs } from '../../core/numbers.ts'
import { never } from '../../errors.ts'
import type { RawEvent } from '../../stores/store.ts'
import { stateKeys } from '../state-keys.ts'
import type { Findings } from './findings.ts'
import { RangeSet } from './range-set.ts'
import { SampledMap } from './sampled-map.ts'

const keysMax = 200_000
const gapsMax = 10_000

export interface LinePlace {
  readonly file: string
  readonly segment: number
  readonly offset: ByteOffset
}

export interface StreamFold {
  readonly seq: Seq
  readonly position: Position
  readonly segment: number
  /** Whether the newest of it stands here as an event; false: a stub only says that it did. */
  readonly stands: boolean
  readonly breaks: number
}

/** What the state tables must have under a key. */
export interface EntryFold {
  /** Of the value as JSON. */
  readonly print: string
  /** Of a command. */
  readonly time: TimeMs
}

interface Gap {
  readonly from: Position
  readonly to: Position
  readonly place: LinePlace
}

export class LogFold {
  readonly #findings: Findings
  readonly streams: SampledMap<StreamFold> = new SampledMap(keysMax)
  readonly entries: SampledMap<EntryFold> = new SampledMap(keysMax)
  /** Where each blob's record stands. */
  readonly blobs: SampledMap<LinePlace> = new SampledMap(keysMax)
  /** Blobs that events name, and one such place. */
  readonly named: SampledMap<LinePlace> = new SampledMap(keysMax)
  readonly rewrites: Map<string, RewriteControl> = new Map()
  readonly #stubs: RangeSet = new RangeSet()
  readonly #gaps: Gap[] = []
  #breaks = 0
  #breaksAtEvent = 0
  /** Of the newest event. */
  #position: Position = 0
  #stubEnd: Position = 0
  #time: TimeMs = 0
  #timeTold: TimeMs = 0
  #cut: Position = 0
  #keep: ReadonlyMap<string, Seq> = new Map()
  readonly #truncated: SampledMap<Seq> = new SampledMap(keysMax)
  #forgetBefore: TimeMs = 0
  events = 0
  records = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  get position(): Position {
    return Math.max(this.#position, this.#stubEnd)
  }

  get time(): TimeMs {
    return this.#time
  }

  get cut(): Position {
    return this.#cut
  }

  get forgetBefore(): TimeMs {
    return this.#forgetBefore
  }

  get breaks(): number {
    return this.#breaks
  }

  get isSample(): boolean {
    return [this.streams, this.entries, this.blobs, this.named, this.#truncated].some((map) => map.isSample)
  }

  /** Something of the log could not be read here. */
  broken(): void {
    this.#breaks++
  }

  isVisible(event: { readonly stream: string; readonly seq: Seq; readonly position: Position }): boolean {
    if (event.position < this.#cut && !((this.#keep.get(event.stream) ?? Number.POSITIVE_INFINITY) <= event.seq))
      return false
    if (!this.#truncated.covers(event.stream)) return false // not known; nothing is claimed of it
    return (this.#truncated.get(event.stream) ?? 0) <= event.seq
  }

  takeEvent(event: RawEvent, place: LinePlace): void {
    this.events++
    this.records++
    this.#checkPosition(event.position, place)
    this.#checkTime(event.time, place)
    this.#checkSeq(event, place)
    const { stream, seq, position } = event
    this.#position = Math.max(this.#position, position)
    this.#breaksAtEvent = this.#breaks
    this.streams.set(stream, { seq, position, segment: place.segment, stands: true, breaks: this.#breaks })
    for (const digest of event.blobs) {
      this.named.set(digest, place)
      this.#set(stateKeys.blobUse(digest, place.segment), 1)
    }
  }

  #checkPosition(position: Position, place: LinePlace): void {
    const expected = this.#position + 1
    if (position === expected) return
    if (position < expected) {
      const message = `position ${position} comes after ${this.#position}: the log's order is broken here`
      this.#findings.damage('position-order', place.file, message, { offset: place.offset })
      return
    }
    if (this.#breaks !== this.#breaksAtEvent || this.#gaps.length >= gapsMax) return
    this.#gaps.push({ from: expected, to: position - 1, place })
  }

  #checkTime(time: TimeMs, place: LinePlace): void {
    if (time < this.#time && this.#timeTold < this.#time) {
      this.#timeTold = this.#time // once, until times have caught up
      const message = `the time ${time} is before ${this.#time}, which an earlier record has: times must not decrease`
      this.#findings.warning('time-order', place.file, message, { offset: place.offset })
    }
    this.#sawTime(time)
  }

  #sawTime(time: TimeMs): void {
    if (time > this.#time) this.#time = time
  }

  #checkSeq(event: RawEvent, place: LinePlace): void {
    const { stream, seq } = event
    if (!this.streams.covers(stream)) return
    const before = this.streams.get(stream)
    const expected = (before?.seq ?? 0) + 1
    if (seq === expected || (seq > expected && (before?.breaks ?? 0) !== this.#breaks)) return
    const kind = seq < expected ? 'seq-order' : 'seq-gap'
    const what = seq < expected ? 'come twice or backwards' : 'are missing without a removal that says so'
    const message = `stream ${JSON.stringify(stream)} has seq ${seq} where ${expected} must stand: numbers ${what}`
    this.#findings.damage(kind, place.file, message, { offset: place.offset })
  }

  takeControl(control: Control, place: LinePlace): void {
    this.records++
    switch (control.control) {
      case 'agenda':
        this.#setOrDelete(stateKeys.agenda(control.id), control, control.due === null)
        break
      case 'lease':
        this.#setOrDelete(stateKeys.lease(control.lease), control, control.gone === true)
        break
      case 'command':
        this.#takeCommand(control, place)
        break
      case 'forget':
        this.#forget(control.before)
        break
      case 'pin':
        this.#setOrDelete(stateKeys.pin(control.pin), control, control.from === null)
        break
      case 'released':
        this.#set(stateKeys.released(control.stream), control.through)
        break
      case 'blob':
        this.#takeBlob(control, place)
        break
      case 'retain':
        this.#retain(control)
        break
      case 'removed':
        this.#takeStub(control, place)
        break
      case 'rewrite':
        this.#takeRewrite(control)
        break
      case 'witness':
        this.#sawTime(control.time)
        break
    }
  }

  #takeRewrite(control: RewriteControl): void {
    const [name] = control.old[0] ?? never('a record is only taken when it has its fields')
    this.rewrites.set(name, control)
    this.#set(stateKeys.rewrite(name), control)
  }

  #set(key: string, value: unknown, time: TimeMs = 0): void {
    if (this.entries.covers(key)) this.entries.set(key, { print: printOf(JSON.stringify(value)), time })
  }

  #setOrDelete(key: string, value: unknown, isGone: boolean): void {
    if (isGone) this.entries.delete(key)
    else this.#set(key, value)
  }

  #takeCommand(control: Extract<Control, { control: 'command' }>, place: LinePlace): void {
    const key = stateKeys.command(control.id)
    this.#sawTime(control.time)
    if (this.entries.has(key)) {
      const message = `command ${JSON.stringify(control.id)} took effect a second time, though it was not forgotten`
      this.#findings.damage('command-duplicate', place.file, message, { offset: place.offset })
    }
    this.#set(key, control, control.time)
  }

  #forget(before: TimeMs): void {
    if (before <= this.#forgetBefore) return
    this.#forgetBefore = before
    const commands = stateKeys.command('')
    for (const [key, { time }] of this.entries) {
      if (key.startsWith(commands) && time < before) this.entries.delete(key)
    }
  }

  #takeBlob(control: BlobControl, place: LinePlace): void {
    const { digest, bytes, chunks, data } = control
    if (control.gone === true) {
      this.blobs.delete(digest)
      this.entries.delete(stateKeys.blob(digest))
      return
    }
    this.blobs.set(digest, place)
    this.#set(
      stateKeys.blob(digest),
      chunks === undefined ? { bytes, at: [place.segment, place.offset] } : { bytes, chunks },
    )
    if (data === undefined) return
    const content = Buffer.from(data, 'base64')
    if (content.length === bytes && createHash('sha256').update(content).digest('hex') === digest) return
    const message = `the content of blob ${digest} is not what its digest says: reading the blob will fail`
    this.#findings.damage('blob-damaged', place.file, message, { offset: place.offset })
  }

  #retain(control: RetainControl): void {
    this.#sawTime(control.time)
    if (control.before !== undefined) {
      this.#cut = Math.max(this.#cut, control.before)
      this.#keep = new Map(control.keep ?? [])
    }
    for (const [stream, before] of control.streams ?? []) {
      this.#truncate(stream, before)
      this.#truncated.set(stream, before)
      // Whether the tables keep what was released before depends on what was in memory: both are right.
      this.entries.delete(stateKeys.released(stream))
    }
  }

  /** A bound never falls. */
  #truncate(stream: string, before: Seq): void {
    const key = stateKeys.truncated(stream)
    if (Number(this.entries.get(key)?.print ?? 0) < before) this.#set(key, before)
  }

  #takeStub(stub: RemovedControl, place: LinePlace): void {
    this.#stubs.add(stub.from, stub.to)
    this.#stubEnd = Math.max(this.#stubEnd, stub.to)
    for (const [stream, , last] of stub.streams) {
      this.#truncate(stream, last + 1)
      const before = this.streams.get(stream)
      if (before !== undefined && before.seq >= last) continue
      this.streams.set(stream, {
        seq: last,
        position: stub.to,
        segment: place.segment,
        stands: false,
        breaks: this.#breaks,
      })
    }
  }

  /** At the end: gaps that no stub explains. */
  tellGaps(): void {
    for (const { from, to, place } of this.#gaps) {
      if (this.#stubs.covers(from, to)) continue
      const what = from === to ? `position ${from} is` : `positions ${from} to ${to} are`
      const message = `${what} missing before this line, and no removal says so: events are lost`
      this.#findings.damage('position-gap', place.file, message, { offset: place.offset })
    }
  }
}

/** Short, so that many can be held; equal for equal text only, for all that matters here. */
export function printOf(json: string): string {
  return json.length <= 24 ? json : createHash('sha256').update(json).digest('base64').slice(0, 16)
}
