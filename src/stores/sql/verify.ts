// Verification: the engine's own check of its files, then ours over a snapshot. Every sum anew, numbers against each other,
// heads against what they head, removed blocks against what is missing, content against its name.

import { textBytes } from '../../core/event-bytes.ts'
import { copyUnfinished, movedError } from '../../core/moved.ts'
import { isHoldfastError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { mustNotBeAborted } from '../aborted.ts'
import type { Finding, LongWork, VerifyProgress, VerifyReport } from '../store.ts'
import type { SqlBackend, SqlReader } from './backend.ts'
import { blobContent } from './blob-content.ts'
import { copyMarksOf } from './copy-marks.ts'
import { rowsOf } from './dump.ts'
import { checkedEvent } from './event-check.ts'
import { nextTurn } from './next-turn.ts'
import type { EventRow, HeadRow, StreamRow } from './rows.ts'

const rowsMax = limits.pageEventsMax
/** A journal that is broken all over is not described finding by finding. */
const findingsMax = 1_000

export async function verifyRows(
  backend: SqlBackend,
  work: LongWork<VerifyProgress>,
  mustBeOpen: () => void,
): Promise<VerifyReport> {
  mustNotBeAborted(work.signal, 'verification')
  const findings: Finding[] = [...(await backend.integrity(work))]
  const snapshot = await backend.snapshot()
  try {
    return await new Check(snapshot, { label: backend.label, work, mustBeOpen, findings }).all()
  } finally {
    await snapshot.end()
  }
}

interface CheckParts {
  readonly label: string
  readonly work: LongWork<VerifyProgress>
  readonly mustBeOpen: () => void
  readonly findings: Finding[]
}

class Check {
  readonly #reader: SqlReader
  readonly #parts: CheckParts
  #bytesDone = 0
  #bytesTotal = 0

  constructor(reader: SqlReader, parts: CheckParts) {
    this.#reader = reader
    this.#parts = parts
  }

  async all(): Promise<VerifyReport> {
    const { findings, work } = this.#parts
    const head = await this.#found('head', () => this.#reader.head())
    if (head === undefined) return report({ events: 0, records: 0, blobs: 0, bytes: 0 }, findings)
    const { unfinished, relocation } = copyMarksOf(head)
    if (unfinished !== undefined) {
      // Nothing of it need fit together yet.
      this.#add('copy-unfinished', copyUnfinished(this.#parts.label, unfinished.note).message)
      return report({ events: 0, records: 0, blobs: 0, bytes: 0 }, findings)
    }
    if (relocation !== undefined) this.#add('moved', movedError(this.#parts.label, relocation).message, 'note')
    const figures = await this.#reader.figures(head.time)
    this.#bytesTotal = head.bytes + figures.blobBytes
    const events = await this.#events(head)
    const streams = await this.#streams()
    const blobs = await this.#blobs()
    const state = await this.#state()
    this.#bytesTotal = this.#bytesDone
    work.progress?.({ bytesDone: this.#bytesDone, bytesTotal: this.#bytesTotal })
    if (streams !== events) {
      this.#add('stream-head', `the heads of streams say that ${streams} events are retained, and ${events} are`)
    }
    return report({ events, records: events + state, blobs, bytes: this.#bytesDone }, findings)
  }

  async #events(head: HeadRow): Promise<number> {
    let expected = 1
    let count = 0
    let bytes = 0
    let time = 0
    for (let from = 1; ; ) {
      await this.#pause()
      const page = await this.#found('event', () => this.#page(from, head.position))
      if (page === undefined) break
      for (const row of page.rows) {
        await this.#found('event-checksum', async () =>
          checkedEvent(row, { label: this.#parts.label, withText: false }),
        )
        if (row.position > expected) await this.#gap(expected, row.position - 1)
        if (row.time < time) this.#add('time-order', `position ${row.position} is older than the event before it`)
        await this.#seq(row)
        time = row.time
        expected = row.position + 1
        count++
        bytes += textBytes(row.text)
      }
      this.#bytesDone = Math.min(bytes, head.bytes)
      const last = page.rows.at(-1)
      if (last === undefined || page.ended) break
      from = last.position + 1
    }
    if (expected <= head.position) await this.#gap(expected, head.position)
    this.#bytesDone = head.bytes
    if (count !== head.events || bytes !== head.bytes) {
      this.#add(
        'head',
        `the head says ${head.events} events of ${head.bytes} bytes, and there are ${count} of ${bytes}`,
      )
    }
    return count
  }

  #page(from: number, to: number) {
    return this.#reader.events({
      select: { kind: 'all' },
      from,
      to,
      direction: 'forward',
      rowsMax,
      bytesMax: limits.pageBytes,
    })
  }

  /** Seqs of a stream follow one another: counted per page would miss a swap, so the newest is remembered by stream. */
  readonly #lastSeqs: Map<string, number> = new Map()

  async #seq({ stream, seq, position }: EventRow): Promise<void> {
    const last = this.#lastSeqs.get(stream)
    if (last !== undefined && seq !== last + 1) {
      this.#add('seq-gap', `seq ${seq} of stream ${JSON.stringify(stream)} at position ${position} follows ${last}`)
    }
    if (last === undefined) {
      const head = await this.#found('stream', () => this.#reader.stream(stream))
      if (head !== undefined && head.earliest !== seq) {
        this.#add(
          'stream-head',
          `stream ${JSON.stringify(stream)} begins at seq ${seq}, and its head says ${head.earliest}`,
        )
      }
    }
    this.#lastSeqs.set(stream, seq)
  }

  /** Positions without an event must be recorded as removed. */
  async #gap(from: number, to: number): Promise<void> {
    const blocks = await this.#reader.removed({ from, to, prefix: undefined, rowsMax: 2 })
    const block = blocks[0]
    if (block !== undefined && block.from <= from && block.to >= to) return
    this.#add('event-missing', `positions ${from} to ${to} are neither there nor recorded as removed`)
  }

  /** How many events the heads say are retained. */
  async #streams(): Promise<number> {
    let retained = 0
    await this.#each(
      'stream',
      () =>
        rowsOf<StreamRow>(
          (query) => this.#reader.streams({ ...query, prefix: '' }),
          (row) => row.stream,
        ),
      ({ stream, seq, earliest }) => {
        retained += Math.max(0, seq - earliest + 1)
        const last = this.#lastSeqs.get(stream) ?? earliest - 1
        if (last !== seq) {
          this.#add('stream-head', `stream ${JSON.stringify(stream)} ends at seq ${last}, and its head says ${seq}`)
        }
      },
    )
    return retained
  }

  async #blobs(): Promise<number> {
    let blobs = 0
    await this.#each(
      'blob',
      () =>
        rowsOf(
          (query) => this.#reader.blobs(query),
          (row) => row.digest,
        ),
      async ({ digest }) => {
        await this.#pause()
        blobs++
        await this.#found('blob-digest', async () => {
          for await (const part of blobContent((question) => question(this.#reader), this.#parts.label, digest)) {
            mustNotBeAborted(this.#parts.work.signal, 'verification')
            this.#bytesDone = Math.min(this.#bytesTotal, this.#bytesDone + part.length)
          }
        })
      },
    )
    return blobs
  }

  /** Rows beside the events are checked as they are read. */
  async #state(): Promise<number> {
    let count = 0
    const reader = this.#reader
    const tables: readonly (readonly [string, () => AsyncIterable<unknown>])[] = [
      [
        'command',
        () =>
          rowsOf(
            (query) => reader.commands(query),
            (row) => row.id,
          ),
      ],
      [
        'agenda',
        () =>
          rowsOf(
            (query) => reader.agendaById(query),
            (row) => row.id,
          ),
      ],
      [
        'lease',
        () =>
          rowsOf(
            (query) => reader.leases(query),
            (row) => row.lease,
          ),
      ],
    ]
    for (const [kind, rows] of tables) {
      await this.#each(kind, rows, () => {
        count++
      })
    }
    count += (await this.#found('pin', () => reader.pins()))?.length ?? 0
    return count
  }

  async #each<R>(kind: string, rows: () => AsyncIterable<R>, take: (row: R) => unknown): Promise<void> {
    await this.#found(kind, async () => {
      for await (const row of rows()) await take(row)
    })
  }

  /** Damage becomes a finding, and undefined; whatever else goes wrong ends the verification. */
  async #found<T>(kind: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!isHoldfastError(error, 'DAMAGED', 'BLOB_MISSING')) throw error
      this.#add(kind, error.message)
      return undefined
    }
  }

  #add(kind: string, message: string, severity: Finding['severity'] = 'damage'): void {
    if (this.#parts.findings.length >= findingsMax) return
    const { label: file } = this.#parts
    this.#parts.findings.push({ severity, kind, file, offset: undefined, message, repair: undefined })
  }

  async #pause(): Promise<void> {
    const { work, mustBeOpen } = this.#parts
    await nextTurn()
    mustNotBeAborted(work.signal, 'verification')
    mustBeOpen()
    work.progress?.({ bytesDone: this.#bytesDone, bytesTotal: this.#bytesTotal })
  }
}

function report(
  figures: Pick<VerifyReport, 'events' | 'records' | 'blobs' | 'bytes'>,
  findings: readonly Finding[],
): VerifyReport {
  return { ...figures, segments: 0, findings, ok: findings.every(({ severity }) => severity !== 'damage') }
}
