// The log that a store has open now, and the oldest event in it. It is replaced as a whole: by a reader that starts anew
// behind a rotation, and by a writer that recovers after a failure. Whoever began with the log before is done with it or
// meets its end.

import { errorCodeOf } from '../../disks/disk-error.ts'
import { readForward } from '../../engine/sequential-read.ts'
import { assert, isHoldfastError } from '../../errors.ts'
import { FileLog, type FileLogOptions } from './file-log.ts'

const readerAttemptsMax = 5

export class CurrentLog {
  readonly #options: FileLogOptions
  #log: FileLog
  #earliest = 1
  /** In which log that was found. */
  #searched: FileLog | undefined
  #replacing: Promise<void> | undefined
  #reopening: Promise<void> | undefined

  private constructor(options: FileLogOptions, log: FileLog) {
    this.#options = options
    this.#log = log
  }

  static async open(options: FileLogOptions): Promise<CurrentLog> {
    const log = options.fence === undefined ? await openReading(options, hasVanished) : await FileLog.open(options)
    const current = new CurrentLog(options, log)
    try {
      await current.#besideWriter(() => current.findEarliest())
    } catch (error) {
      await current.close().catch(() => undefined) // what failed first is told
      throw error
    }
    return current
  }

  get log(): FileLog {
    return this.#log
  }

  /** Position of the oldest event that is retained; one behind the newest when there is none. */
  get earliest(): number {
    return this.#earliest
  }

  /** Costs nothing where nothing was removed at the front. */
  async findEarliest(): Promise<void> {
    // Told at once when it is known: an appended event must not seem to lie before it meanwhile.
    const log = this.#log
    let earliest = log.durableEnd().position + 1
    for await (const [first] of readForward(log, { select: { kind: 'all' }, direction: 'forward', limit: 1 })) {
      assert(first !== undefined && !('removed' in first), 'a read that tells no removals gives events')
      earliest = first.position
    }
    this.#earliest = earliest
    this.#searched = log
  }

  /** A reader takes in what has become durable since. */
  async follow(): Promise<void> {
    await this.#besideWriter(async () => {
      let isNews = false
      // What takes a log's place may have been opened before this was asked; what takes the place of that was not.
      for (let followed: FileLog | undefined, round = 1; followed !== this.#log && round <= 2; round++) {
        followed = this.#log
        const result = await followed.follow()
        if (result === 'anew') await this.replace()
        isNews ||= result !== false
      }
      if (isNews || this.#log !== this.#searched) await this.findEarliest()
    })
  }

  /**
   * The writer may have sealed or rewritten what is being read. In a log that is opened anew, real damage shows again.
   * Who asks something else meanwhile may have replaced the log: then it is the end of the old one that was met.
   */
  async #besideWriter(work: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const log = this.#log
      try {
        await work()
        return
      } catch (error) {
        if (attempt === readerAttemptsMax) throw error
        if (log !== this.#log) continue
        const isOfFiles = isHoldfastError(error, 'DAMAGED') || errorCodeOf(error) === 'ENOENT'
        if (log.writer !== undefined || !isOfFiles) throw error
        await this.replace()
      }
    }
  }

  /** Opens the log anew in place of this one: once for all that find it stale meanwhile. */
  replace(): Promise<void> {
    this.#replacing ??= this.#replace().finally(() => {
      this.#replacing = undefined
    })
    return this.#replacing
  }

  async #replace(): Promise<void> {
    const before = this.#log
    this.#log = await this.#openNoOlder(before)
    await before.close()
  }

  /** The old one may be followed while the new one is opened, and what was shown must not be gone in the next moment. */
  async #openNoOlder(before: FileLog): Promise<FileLog> {
    for (let attempt = 1; ; attempt++) {
      const log = await this.openAnother()
      // Without end it would be where the durable place can't be read any more.
      if (log.durableEnd().position >= before.durableEnd().position || attempt === readerAttemptsMax) return log
      await log.close()
    }
  }

  /** The same for one reader alone, who closes it. */
  openAnother(): Promise<FileLog> {
    return openReading(this.#options, () => true)
  }

  /** Nobody begins anything with it any more. */
  async close(): Promise<void> {
    await this.#replacing?.catch(() => undefined) // told to whoever asked for it
    await this.#log.close()
  }

  /** While there is no log to read; never rejects. */
  get reopening(): Promise<void> | undefined {
    return this.#reopening
  }

  /** Runs recovery. */
  async reopen(): Promise<void> {
    const reopened = this.#recover()
    this.#reopening = reopened.catch(() => undefined) // told to whoever asked for it
    try {
      await reopened
    } finally {
      this.#reopening = undefined
    }
  }

  async #recover(): Promise<void> {
    await this.#log.close().catch(() => undefined) // it has failed before: what it says now is known
    this.#log = await FileLog.open(this.#options)
    await this.findEarliest()
  }
}

/** A writer at work can pull files away under a reader that opens: that is met by trying again. */
async function openReading(options: FileLogOptions, mayPass: (error: unknown) => boolean): Promise<FileLog> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await FileLog.open(options)
    } catch (error) {
      if (attempt === readerAttemptsMax || !mayPass(error)) throw error
    }
  }
}

/** A file was there when it was listed or named, and is not any more. What is damaged is not read five times. */
function hasVanished(error: unknown): boolean {
  const isMissing = isHoldfastError(error, 'DAMAGED') && error.details.kind === 'segment-missing'
  return isMissing || errorCodeOf(error) === 'ENOENT'
}
