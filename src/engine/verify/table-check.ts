// Compares the caches with the log: state tables with the fold up to the segment that they cover, a segment's index with
// its lines. What differs costs time or gives wrong answers to lookups, but nothing is lost: it can be made anew.

import { folders } from '../layout.ts'
import type { Note } from '../note.ts'
import { type ActiveIndex, isWorthListing, type SegmentIndex } from '../segment-index.ts'
import { kindPrefix, stateKeys } from '../state-keys.ts'
import { TableDamaged } from '../tables/table-damaged.ts'
import type { TableSet } from '../tables/table-set.ts'
import type { Findings } from './findings.ts'
import { type LogFold, printOf } from './log-fold.ts'
import type { Pace } from './pace.ts'

const caches = { repair: 'caches' } as const
const staleMax = 20

/** Kinds whose rows may outlive what they speak of: an extra row costs room, nothing else. */
const lenientKinds: ReadonlySet<string> = new Set([
  kindPrefix.blob,
  kindPrefix.blobUse,
  kindPrefix.chunkUse,
  kindPrefix.released,
  kindPrefix.rewrite,
])

export interface StateParts {
  readonly tables: Pick<TableSet, 'scan' | 'get' | 'getMany'>
  readonly fold: LogFold
  /** The sealed segments up to here, as the chain has them. */
  readonly sealed: readonly { readonly name: string; readonly number: number; readonly bytes: number }[]
  /** Whether one of them was rewritten: the log then says less of the past than the tables may still know. */
  readonly wasRewritten: boolean
  readonly findings: Findings
  readonly pace: Pace
}

/** The fold must stand at the end of the last segment that the note covers. */
export async function checkState(parts: StateParts, note: Note): Promise<void> {
  const check = new StateCheck(parts, note)
  try {
    await check.run()
    check.tell()
  } catch (error) {
    if (!(error instanceof TableDamaged)) throw error
    const { file, offset } = error.details
    const message = `a state table is damaged; it is made anew from the log at the next opening: ${error.message}`
    parts.findings.warning('state-damaged', String(file), message, { offset: Number(offset), ...caches })
  }
}

class StateCheck {
  readonly #parts: StateParts
  readonly #note: Note
  readonly #stale: string[] = []
  #staleCount = 0
  #streamsSeen = 0
  #entriesSeen = 0
  /** A crash came between a rewrite and its note: the next opening reads the rewritten segment and brings it up to date. */
  #isBehind = false

  constructor(parts: StateParts, note: Note) {
    this.#parts = parts
    this.#note = note
  }

  async run(): Promise<void> {
    const { tables, fold, pace } = this.#parts
    this.#checkSegments()
    this.#checkScalars()
    for await (const page of tables.scan()) {
      for (const [key, value] of page) this.#checkRow(key, value)
      await pace.step(0)
    }
    await tables.get('') // no such key: each table's filter is read and checked
    if (this.#streamsSeen < fold.streams.size)
      await this.#findMissing([...fold.streams].map(([name]) => stateKeys.head(name)))
    if (this.#entriesSeen < fold.entries.size) await this.#findMissing([...fold.entries].map(([key]) => key))
  }

  #checkSegments(): void {
    const { sealed, wasRewritten } = this.#parts
    const covered = this.#note.sealed
    const isSame = (index: number): boolean => {
      const [here, there] = [sealed[index], covered[index]]
      return here?.name === there?.name && here?.number === there?.number && here?.bytes === there?.sealed?.bytes
    }
    if (sealed.length === covered.length && sealed.every((_, index) => isSame(index))) return
    this.#isBehind = wasRewritten
    if (!wasRewritten) this.#isStale('the segments that they name are not those of the log')
  }

  #checkScalars(): void {
    const { position, time, cut, forgetBefore } = this.#note.scalars
    const { fold, wasRewritten } = this.#parts
    if (position !== fold.position) this.#isStale(`the newest position is ${position}, the log says ${fold.position}`)
    if (time < fold.time) this.#isStale(`the newest time is ${time}, the log says ${fold.time}`)
    if (wasRewritten) return
    if (cut !== fold.cut) this.#isStale(`the readable history begins at ${cut}, the log says ${fold.cut}`)
    if (forgetBefore !== fold.forgetBefore)
      this.#isStale(`command ids are forgotten before ${forgetBefore}, the log says ${fold.forgetBefore}`)
  }

  #checkRow(key: string, value: string): void {
    const kind = key.slice(0, 2)
    if (kind === kindPrefix.head) this.#checkHead(key, value)
    else if (kind === kindPrefix.due) this.#checkDue(key)
    else this.#checkEntry(kind, key, value)
  }

  #checkHead(key: string, value: string): void {
    const { fold, wasRewritten } = this.#parts
    const { streams } = fold
    const stream = key.slice(kindPrefix.head.length)
    if (!streams.covers(stream)) return
    const expected = streams.get(stream)
    const [seq, position, segment] = JSON.parse(value) as [number, number, number]
    if (expected !== undefined) this.#streamsSeen++
    const isSame =
      expected !== undefined &&
      seq === expected.seq &&
      (!expected.stands || wasRewritten || (position === expected.position && segment === expected.segment))
    if (!isSame)
      this.#isStale(`stream ${JSON.stringify(stream)} is at ${seq}, the log says ${expected?.seq ?? 'nothing'}`)
  }

  /** The agenda by time: each row must belong to an item of the agenda. */
  #checkDue(key: string): void {
    const { fold, wasRewritten } = this.#parts
    const { entries } = fold
    if (wasRewritten) return
    const item = stateKeys.agenda(key.slice(stateKeys.due(0, '').length))
    if (entries.covers(item) && !entries.has(item)) this.#isStale(`${key} names nothing that is on the agenda`)
  }

  #checkEntry(kind: string, key: string, value: string): void {
    const { fold, wasRewritten } = this.#parts
    const { entries, forgetBefore } = fold
    if (!entries.covers(key)) return
    const expected = entries.get(key)
    if (expected !== undefined) {
      this.#entriesSeen++
      if (expected.print !== printOf(value) && !this.#mayDiffer(kind, value, expected.print))
        this.#isStale(`${key} is not what the log says`)
    } else if (wasRewritten) {
      // Rewriting leaves out what later records have made void.
    } else if (kind === kindPrefix.command) {
      const { time } = JSON.parse(value) as { readonly time: number }
      if (time >= forgetBefore) this.#isStale(`${key} is not in the log`)
    } else if (!lenientKinds.has(kind)) {
      this.#isStale(`${key} is not in the log`)
    }
  }

  #mayDiffer(kind: string, value: string, expected: string): boolean {
    if (!this.#parts.wasRewritten) return false
    // Where a blob's content stands changes when its segment is rewritten.
    if (kind === kindPrefix.blob) return true
    // Of a segment that is rewritten a third time, the record of the second may be left out before that of the first is.
    if (kind === kindPrefix.rewrite) return this.#isBehind
    // A rewrite notes how far a stream is removed by a record that may stand behind what the tables cover.
    return kind === kindPrefix.truncated && (this.#isBehind || Number(value) > Number(expected))
  }

  async #findMissing(keys: readonly string[]): Promise<void> {
    const { tables } = this.#parts
    const step = 256
    for (let at = 0; at < keys.length; at += step) {
      const asked = keys.slice(at, at + step)
      const values = await tables.getMany(asked)
      for (const [index, key] of asked.entries()) {
        const mayMiss = this.#isBehind && key.startsWith(kindPrefix.truncated)
        if (values[index] === undefined && !mayMiss) this.#isStale(`${key} is missing`)
      }
      await this.#parts.pace.step(0)
    }
  }

  #isStale(what: string): void {
    this.#staleCount++
    if (this.#stale.length < staleMax) this.#stale.push(what)
  }

  /** One finding, however much is stale: the repair is one. */
  tell(): void {
    if (this.#staleCount === 0) return
    const more = this.#staleCount > this.#stale.length ? ` and ${this.#staleCount - this.#stale.length} more` : ''
    const message = `the state tables don't fit the log (${this.#stale.join('; ')}${more}): lookups can answer wrongly`
    this.#parts.findings.warning('state-stale', folders.state, message, caches)
  }
}

export interface IndexParts {
  readonly path: string
  readonly open: () => Promise<SegmentIndex>
  readonly made: ActiveIndex
  /** Per stream: the newest earlier segment with an event of it, where that is known. */
  readonly previous: ReadonlyMap<string, number>
  readonly findings: Findings
  readonly pace: Pace
}

/** An index on disk beside the one that the segment's lines make. */
export async function checkIndex(parts: IndexParts): Promise<void> {
  const { path, findings } = parts
  let index: SegmentIndex | undefined
  try {
    index = await parts.open()
    const wrong = await firstDifference(parts, index)
    if (wrong === undefined) return
    findings.warning(
      'index-stale',
      path,
      `the index doesn't fit its segment (${wrong}): reads are slower, or begin anew`,
      caches,
    )
  } catch (error) {
    if (!(error instanceof TableDamaged)) throw error
    findings.warning('index-damaged', path, `the index can't be used and is made anew when needed: ${error.message}`, {
      offset: Number(error.details.offset),
      ...caches,
    })
  } finally {
    await index?.close()
  }
}

async function firstDifference(parts: IndexParts, index: SegmentIndex): Promise<string | undefined> {
  const { made, previous, pace } = parts
  const marks = await index.marks()
  if (!isSameList(marks.positions, made.positions) || !isSameList(marks.offsets, made.offsets))
    return 'its marks differ'
  const blobs = await index.blobs()
  if (blobs.length !== made.blobDigests.size || blobs.some((digest) => !made.blobDigests.has(digest)))
    return 'its blobs differ'
  let count = 0
  for await (const page of index.streams()) {
    for (const [stream, places] of page) {
      count++
      const expected = made.byStream.get(stream)
      const before = previous.get(stream)
      if (expected === undefined || expected.first !== places.first || !isSameList(expected.offsets, places.offsets)) {
        return `the places of ${JSON.stringify(stream)} differ`
      }
      if (before !== undefined && before !== places.previous)
        return `the segment before, for ${JSON.stringify(stream)}, differs`
    }
    await pace.step(0)
  }
  if (count < made.byStream.size) return 'streams are missing'
  let types = 0
  for await (const page of index.types()) {
    for (const [type, offsets] of page) {
      types++
      const places = made.byType.get(type)
      const isRight = isWorthListing(places, made) ? isSameList(places, offsets ?? []) : offsets === undefined
      if (places === undefined || !isRight) return `the places of type ${JSON.stringify(type)} differ`
    }
    await pace.step(0)
  }
  return types === made.byType.size ? undefined : 'types are missing'
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
