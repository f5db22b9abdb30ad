// Verification: reads everything that the journal is made of and says what is not as it should be. It changes nothing,
// doesn't stop at what it finds, and never throws for damage. An opened log and a directory that can't be opened are
// verified by the same code; they differ in who says how far the log goes.
//
// The order: what lies in the directory, the headers, then each segment with its index, the state tables at the
// segment up to which they know the log, the chain, the blobs. The parts stand in verify/.

import type { Disk } from '../disks/disk.ts'
import { never } from '../errors.ts'
import type { LongWork, VerifyProgress, VerifyReport } from '../stores/store.ts'
import type { DurablePlace } from './durable-mark.ts'
import type { Identity } from './identity.ts'
import { compareNames, folders, segmentPath } from './layout.ts'
import type { DurableEnd, LogView } from './log-view.ts'
import { decodeNote, type Note } from './note.ts'
import type { SegmentFacts } from './segment.ts'
import { TableIndex } from './table-index.ts'
import { BlockCache } from './tables/block-cache.ts'
import { TableSet } from './tables/table-set.ts'
import { tablePath } from './tables/table-writer.ts'
import { checkBlobs } from './verify/blob-check.ts'
import { checkNeighbours, type JournalIds, type Link, readLink, type Scanned, sealedBytes } from './verify/chain.ts'
import {
  checkCopying,
  checkFences,
  checkFolders,
  checkIdentity,
  checkMark,
  checkMoved,
} from './verify/directory-check.ts'
import { looking } from './verify/disk-trouble.ts'
import { activeExtent, type Extent, sealedExtent, tailExtent, tellImplausible } from './verify/extent.ts'
import { Findings } from './verify/findings.ts'
import { LogFold } from './verify/log-fold.ts'
import { Pace } from './verify/pace.ts'
import { replacedFiles, tellReplaced } from './verify/rewrite-records.ts'
import { type ScanResult, scanSegment } from './verify/segment-scan.ts'
import { checkIndex, checkState } from './verify/table-check.ts'

/** What verification asks of the blobs that this process has staged. */
export interface ClaimedBlobs {
  isChunkClaimed(digest: string): boolean
}

type VerifiableLog = LogView & { readonly identity: Identity }

const indexCacheBytes = 1_048_576

/** An opened log, up to where it is durable at the call. Throws ABORTED when the signal says so. */
export function verifyLog(
  parts: { readonly log: VerifiableLog; readonly blobs: ClaimedBlobs },
  work: LongWork<VerifyProgress>,
): Promise<VerifyReport> {
  return new Verification(parts.log.disk, work, parts).run()
}

/** A directory, whether it can be opened as a journal or not. Nothing else should be writing to it. */
export function verifyDirectory(disk: Disk, work: LongWork<VerifyProgress>): Promise<VerifyReport> {
  return new Verification(disk, work).run()
}

class Verification {
  readonly #disk: Disk
  readonly #pace: Pace
  readonly #findings: Findings = new Findings()
  readonly #fold: LogFold = new LogFold(this.#findings)
  readonly #log: VerifiableLog | undefined
  readonly #blobs: ClaimedBlobs | undefined
  readonly #cache: BlockCache = new BlockCache(indexCacheBytes)
  readonly #scanned: Scanned[] = []
  #end: DurableEnd | undefined
  #mark: DurablePlace | undefined
  #tables: TableSet | undefined
  #note: Note | undefined
  /** Sealed segments by name, as the opened log or the tables' note knows them. */
  #facts: ReadonlyMap<string, SegmentFacts> = new Map()

  constructor(
    disk: Disk,
    work: LongWork<VerifyProgress>,
    parts?: { readonly log: VerifiableLog; readonly blobs: ClaimedBlobs },
  ) {
    this.#disk = disk
    this.#pace = new Pace(work)
    this.#log = parts?.log
    this.#blobs = parts?.blobs
  }

  async run(): Promise<VerifyReport> {
    this.#pace.checkSignal()
    try {
      return await this.#verify()
    } finally {
      await this.#tables?.close()
    }
  }

  async #verify(): Promise<VerifyReport> {
    if (this.#log === undefined && (await checkCopying(this.#disk, this.#findings))) return this.#report(0, 0)
    const identity = (await checkIdentity(this.#disk, this.#findings)) ?? this.#log?.identity
    await checkMoved(this.#disk, this.#findings)
    await this.#openTables(identity)
    this.#mark = await checkMark(this.#disk, this.#findings)
    const links = await this.#links(identity)
    for (const { fileBytes } of links) this.#pace.expect(fileBytes)
    for (const [index, link] of links.entries()) await this.#checkSegment(link, links[index - 1], links[index + 1])
    for (const [index, scanned] of this.#scanned.entries()) {
      checkNeighbours(this.#scanned[index - 1], scanned, this.#fold.rewrites, this.#findings)
    }
    this.#fold.tellGaps()
    this.#checkMark()
    const fence = Math.max(0, ...links.map(({ header }) => header?.header.fence ?? 0))
    await checkFences(this.#disk, fence, this.#findings)
    const blobs = await this.#checkBlobs()
    this.#tellSample()
    return this.#report(links.length, blobs)
  }

  #report(segments: number, blobs: number): VerifyReport {
    return {
      events: this.#fold.events,
      records: this.#fold.records,
      segments,
      blobs,
      bytes: this.#pace.bytesDone,
      findings: this.#findings.all(),
      ok: this.#findings.isOk,
    }
  }

  // Before the scan: tables, names, headers.

  /** A set of its own: it stays as it is now, whatever a writer does meanwhile. */
  async #openTables(identity: Identity | undefined): Promise<void> {
    const opened = await looking(this.#findings, folders.state, () =>
      TableSet.open(this.#disk, { folder: folders.state, readOnly: true }),
    )
    this.#tables = opened.value
    const outcome = this.#tables?.outcome
    if (outcome?.state === 'damaged') {
      const message = `the state tables can't be used and are made anew from the log at the next opening: ${outcome.why}`
      this.#findings.warning('state-damaged', folders.state, message, { repair: 'caches' })
    }
    if (identity !== undefined && this.#tables !== undefined) this.#note = decodeNote(this.#tables.note, identity)
    this.#facts = new Map(this.#note?.sealed.map((facts) => [facts.name, facts]))
  }

  async #links(identity: Identity | undefined): Promise<readonly Link[]> {
    const present = await checkFolders(this.#disk, this.#findings)
    const known = this.#takeEnd()
    if (known !== undefined) this.#tellUnexpected(present, known)
    const names = known ?? [...present].sort(compareNames)
    if (names.length === 0) {
      const message = 'the directory has no segment: all that the journal held is lost'
      this.#findings.damage('segment-missing', folders.segments, message, { offset: 0 })
    }
    const links: Link[] = []
    let ids: JournalIds | undefined = identity
    for (const name of names) {
      const link = await readLink(this.#disk, name, ids, this.#findings)
      ids ??= link.header?.header
      links.push(link)
      await this.#pace.step(0)
    }
    return this.#log === undefined ? this.#withoutReplaced(links) : links
  }

  /** The opened log's segments and their end, at one moment; undefined for a directory. */
  #takeEnd(): readonly string[] | undefined {
    const log = this.#log
    if (log === undefined) return undefined
    this.#end = log.durableEnd()
    this.#facts = new Map(log.catalog.all.map(({ facts }) => [facts.name, facts]))
    return [...this.#facts.keys()]
  }

  #tellUnexpected(present: readonly string[], known: readonly string[]): void {
    const expected = new Set(known)
    const newest = known.at(-1) ?? never('an opened log has a segment')
    for (const name of present) {
      if (expected.has(name) || compareNames(name, newest) > 0) continue
      const message =
        "the file has a segment's name, but the log doesn't have it: it was put there, or a rewrite replaced it"
      this.#findings.warning('segment-unexpected', segmentPath(name), message, { repair: 'foreign' })
    }
  }

  async #withoutReplaced(links: readonly Link[]): Promise<readonly Link[]> {
    const replaced = await replacedFiles(this.#disk, links, this.#pace)
    return links.filter(({ name }) => {
      if (replaced.has(name)) tellReplaced(name, this.#findings)
      return !replaced.has(name)
    })
  }

  // One segment.

  async #checkSegment(link: Link, before: Link | undefined, next: Link | undefined): Promise<void> {
    if (!follows(before, link)) this.#fold.broken()
    const extent = link.isForeign ? undefined : await this.#extent(link, next)
    const result = extent === undefined ? undefined : await this.#scan(link, extent)
    if (result === undefined) this.#fold.broken()
    this.#scanned.push({ link, bytes: extent?.bytes ?? 0, sums: result?.sums, isOff: false })
    if (next === undefined || result?.sums.sha256 === undefined) return
    await this.#checkIndex(link, result)
    if (this.#note?.sealed.at(-1)?.name === link.name && this.#fold.breaks === 0) await this.#checkState(this.#note)
  }

  async #scan(link: Link, extent: Extent): Promise<ScanResult | undefined> {
    const { path, header } = link
    const looked = await looking(this.#findings, path, async () => {
      const file = await this.#disk.open(path, { mode: 'read' })
      try {
        const context = { findings: this.#findings, fold: this.#fold, pace: this.#pace }
        return await scanSegment(context, {
          file,
          path,
          number: header?.header.segment ?? 0,
          headerBytes: header?.bytes ?? 0,
          headerSum: header?.sum,
          to: extent.bytes,
          isShort: extent.isShort,
          wasRewritten: header?.header.rewritten !== undefined,
        })
      } finally {
        await file.close()
      }
    })
    return looked.value
  }

  async #extent(link: Link, next: Link | undefined): Promise<Extent | undefined> {
    if (next !== undefined) {
      const wasRewritten = link.header?.header.rewritten !== undefined
      const isUntold = next.header === undefined || (wasRewritten && this.#log !== undefined)
      const known = isUntold ? this.#facts.get(link.name)?.sealed?.bytes : undefined
      return sealedExtent(link, known ?? sealedBytes(link, next), this.#findings)
    }
    if (this.#end === undefined) return tailExtent(this.#disk, link, this.#mark, this.#findings)
    const { bytes } = this.#end
    return activeExtent(link, { witness: bytes, bytes }, this.#findings)
  }

  /** The published place may lag, never lead. Only of a log at rest: a writer publishes while this reads. */
  #checkMark(): void {
    const mark = this.#mark
    if (mark === undefined || this.#log !== undefined || !this.#findings.isOk) return
    if (mark.position > this.#fold.position) {
      tellImplausible(`it names position ${mark.position}, the log ends at ${this.#fold.position}`, this.#findings)
    }
  }

  // Caches.

  async #checkIndex(link: Link, result: ScanResult): Promise<void> {
    const description = this.#facts.get(link.name)?.index
    if (description === undefined) return
    const path = tablePath(folders.index, description.name)
    const open = () => TableIndex.open(this.#disk, description, this.#cache)
    const { index: made, previous } = result
    await looking(this.#findings, path, () =>
      checkIndex({ path, open, made, previous, findings: this.#findings, pace: this.#pace }),
    )
  }

  async #checkState(note: Note): Promise<void> {
    const tables = this.#tables ?? never('the note is that of the tables')
    const sealed = this.#scanned.map(({ link, bytes }) => ({
      name: link.name,
      number: link.header?.header.segment ?? never('a segment without a header breaks the log'),
      bytes,
    }))
    const wasRewritten = this.#scanned.some(({ link }) => link.header?.header.rewritten !== undefined)
    const parts = { tables, fold: this.#fold, sealed, wasRewritten, findings: this.#findings, pace: this.#pace }
    await looking(this.#findings, folders.state, () => checkState(parts, note))
  }

  // The rest.

  #checkBlobs(): Promise<number> {
    const segments = this.#scanned.map(({ link, bytes }) => ({
      path: link.path,
      from: link.header?.bytes ?? 0,
      to: bytes,
    }))
    const seer = this.#log?.state ?? this.#fold
    return checkBlobs({
      disk: this.#disk,
      fold: this.#fold,
      findings: this.#findings,
      pace: this.#pace,
      isVisible: (event) => seer.isVisible(event),
      isClaimed: (digest) => this.#blobs?.isChunkClaimed(digest) ?? false,
      segments,
    })
  }

  #tellSample(): void {
    if (!this.#fold.isSample) return
    const message =
      'the journal has more streams, ids or blobs than fit in memory here: of some kinds a fair sample was checked, not all'
    this.#findings.note('verify-sampled', folders.segments, message)
  }
}

/** Whether a segment's header says that it comes right behind the other, as far as that can be told before the scan. */
function follows(before: Link | undefined, link: Link): boolean {
  const { header } = link
  if (header === undefined) return true // told, and broken by the scan
  const previous = header.header.previous
  if (before === undefined) return previous === null
  const wasRewritten = before.header?.header.rewritten !== undefined
  return !before.isForeign && (wasRewritten || previous?.name === before.name)
}
