// The published durable place (FORMAT.md, section 6): how readers in other processes know how far they may read, and
// a witness for recovery. Written after each sync without being synced itself: it may lag, never lead.

import type { ByteOffset, Position, TimeMs } from '../core/numbers.ts'
import { bodySum, hex8 } from '../core/record.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { readFully, writeFully } from '../disks/whole-io.ts'
import { durablePath } from './layout.ts'
import { Waiters } from './waiters.ts'

export interface DurablePlace {
  /** Name of the segment. */
  readonly segment: string
  /** Everything up to this length of it was synced. */
  readonly bytes: ByteOffset
  /** Newest position up to there. */
  readonly position: Position
}

const markBytes = 128

/** So many places in a row may be held back: a clock that stands still must not hide from readers what is durable. */
const heldMax = 16

export function encodeMark(place: DurablePlace): Buffer {
  const body = `{"segment":"${place.segment}","bytes":${place.bytes},"position":${place.position}`
  const text = `${body},"sum":"${hex8(bodySum(body))}"}`
  return Buffer.from(`${text.padEnd(markBytes - 1)}\n`)
}

export function parseMark(bytes: Buffer): DurablePlace | undefined {
  const match = /^(\{"segment":.*),"sum":"([0-9a-f]{8})"\} *\n$/.exec(bytes.toString('latin1'))
  if (match === null || hex8(bodySum(match[1] as string)) !== match[2]) return undefined
  return JSON.parse(`${match[1]}}`) as DurablePlace
}

/** undefined when it is missing, torn or foreign: then it says nothing. */
export async function readMark(disk: Disk): Promise<DurablePlace | undefined> {
  let file: DiskFile
  try {
    file = await disk.open(durablePath, { mode: 'read' })
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const bytes = Buffer.allocUnsafe(markBytes)
    return (await readFully(file, bytes, 0)) === markBytes ? parseMark(bytes) : undefined
  } finally {
    await file.close()
  }
}

/** Publishes in the background, the newest place only: while one write is on its way, later places replace each other. */
export class DurableMark {
  readonly #file: DiskFile
  /** Newer than what was published. */
  #held: DurablePlace | undefined
  #heldCount = 0
  #publishedAt: TimeMs | undefined
  #next: DurablePlace | undefined
  #writing: Promise<void> | undefined
  /** How many places were published, and how many of them are written or overtaken. */
  #published = 0
  #written = 0
  readonly #waiters: Waiters = new Waiters()

  private constructor(file: DiskFile) {
    this.#file = file
  }

  static async open(disk: Disk): Promise<DurableMark> {
    return new DurableMark(await disk.open(durablePath, { mode: 'write', create: 'maybe' }))
  }

  /** Holds back what has become durable, so that nobody who waits for it waits for its being published as well: to hand a
   * write over can take as long as a third of the append. */
  offer(place: DurablePlace): void {
    this.#held = place
    this.#heldCount++
  }

  /** Publishes what is held back, once in a millisecond: for one caller that appends on and on, a write of its own for
   * each append would be one too many. */
  publishPaced(now: TimeMs): void {
    if (this.#held === undefined || (now === this.#publishedAt && this.#heldCount <= heldMax)) return
    this.#publishedAt = now
    this.publish(this.#held)
  }

  publishHeld(): void {
    if (this.#held !== undefined) this.publish(this.#held)
  }

  publish(place: DurablePlace): void {
    this.#held = undefined
    this.#heldCount = 0
    this.#next = place
    this.#published++
    this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    try {
      while (this.#next !== undefined) {
        const place = this.#next
        const count = this.#published
        this.#next = undefined
        await writeFully(this.#file, encodeMark(place), 0)
        this.#written = count
        this.#waiters.tell()
      }
    } catch {
      // Safe: the mark may lag for ever. Readers follow more slowly, recovery has the witnesses in the log.
    } finally {
      this.#writing = undefined
      this.#waiters.tell()
    }
  }

  /** Resolves when readers can know of all that was offered before, or when that can't be written. */
  async shown(): Promise<void> {
    this.publishHeld()
    const count = this.#published
    while (this.#written < count && this.#writing !== undefined) await this.#waiters.next()
  }

  /** Publishes and syncs: after a clean close, a log that was cut short since is noticed. */
  async settle(place: DurablePlace): Promise<void> {
    this.publish(place)
    await this.#writing
    await this.#file.sync()
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }
}
