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
  #replacing: Promise<void> | undefined
  #reopening: Promise<void> | undefined

  private constructor(options: FileLogOptions, log: FileLog) {
    this.#options = options
    this.#log = log
  }

  static async open(options: FileLogOptions): Promise<CurrentLog> {
    const log = options.fence === undefined ? await openReading(options, hasVanished) : await FileLog.open(options)
    const current = new CurrentLog(options, log)
    await current.#besideWriter(() => current.findEarliest())
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
    let earliest = this.#log.durableEnd().position + 1
    for await (const [first] of readForward(this.#log, { select: { kind: 'all' }, direction: 'forward', limit: 1 })) {
      assert(first !== undefined && !('removed' in first), 'a read that tells no removals gives events')
      earliest = first.position
    }
    this.#earliest = earliest
  }

  /** A reader takes in what has become durable since. */
  async follow(): Promise<void> {
    await this.#besideWriter(async (attempt) => {
      const followed = this.#log
      const result = attempt > 1 || (await followed.follow())
      if (result === 'anew') await this.replace(followed)
      if (result !== false) await this.findEarliest()
    })
  }

  /** The writer may have sealed or rewritten what is being read. In a log that is opened anew, real damage shows again. */
  async #besideWriter(work: (attempt: number) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await work(attempt)
        return
      } catch (error) {
        const isOfFiles = isHoldfastError(error, 'DAMAGED') || errorCodeOf(error) === 'ENOENT'
        if (attempt === readerAttemptsMax || this.#log.writer !== undefined || !isOfFiles) throw error
        await this.replace(this.#log)
      }
    }
  }

  /** Opens the log anew in place of this one: once for all that have found it stale. */
  async replace(stale: FileLog): Promise<void> {
    if (this.#log !== stale) return
    this.#replacing ??= this.#replace().finally(() => {
      this.#replacing = undefined
    })
    await this.#replacing
  }

  async #replace(): Promise<void> {
    const before = this.#log
    this.#log = await this.openAnother()
    await before.close()
  }

  /** The same for one reader alone, who closes it. */
  openAnother(): Promise<FileLog> {
    return openReading(this.#options, () => true)
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
