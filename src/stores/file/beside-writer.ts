// Reading a log that may be replaced meanwhile: by a reader process, because the writer has rewritten what it was reading,
// or by a writer that recovers in place. Either way the reading goes on where it was, in the new log; what shows there
// again, and in segments that nobody has rewritten since, is real.

import { errorCodeOf } from '../../disks/disk-error.ts'
import { readBackward } from '../../engine/backward-read.ts'
import { RestOfQuery } from '../../engine/rest-of-query.ts'
import { readForward } from '../../engine/sequential-read.ts'
import { readStream } from '../../engine/stream-read.ts'
import { isHoldfastError } from '../../errors.ts'
import type { ReadItem, ReadQuery } from '../store.ts'
import type { CurrentLog } from './current-log.ts'
import type { FileLog } from './file-log.ts'
import type { Gate } from './gate.ts'

const failuresMax = 5

export interface BesideWriter {
  readonly current: CurrentLog
  readonly gate: Gate
}

/** One question that can be asked again. */
export async function askBesideWriter<T>(place: BesideWriter, ask: (log: FileLog) => Promise<T>): Promise<T> {
  for (const tries = new Tries(place); ; ) {
    const log = await tries.log()
    try {
      return await ask(log)
    } catch (error) {
      await tries.failed(log, error)
    }
  }
}

export async function* readBesideWriter(
  place: BesideWriter,
  query: ReadQuery,
): AsyncGenerator<readonly ReadItem[], void, undefined> {
  const tries = new Tries(place)
  const rest = new RestOfQuery(query)
  while (!rest.isEmpty) {
    const log = await tries.log()
    try {
      for await (const page of readLog(log, rest.query)) {
        yield page
        rest.gave(page)
      }
      return
    } catch (error) {
      await tries.failed(log, error)
    }
  }
}

/** A blob's content, which is the same in every log: another one's goes on where this one's ended. */
export async function* readBlobBesideWriter(
  place: BesideWriter,
  read: (log: FileLog) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let given = 0
  for (const tries = new Tries(place); ; ) {
    const log = await tries.log()
    try {
      let passed = 0
      for await (const piece of read(log)) {
        passed += piece.length
        if (passed <= given) continue
        const rest = piece.subarray(Math.max(0, piece.length - (passed - given)))
        given = passed
        yield rest
      }
      return
    } catch (error) {
      await tries.failed(log, error)
    }
  }
}

function readLog(log: FileLog, query: ReadQuery): AsyncIterable<readonly ReadItem[]> {
  const { select, direction } = query
  if (select.kind === 'stream') return readStream(log, query, select.stream)
  return direction === 'backward' ? readBackward(log, query) : readForward(log, query)
}

class Tries {
  readonly #place: BesideWriter
  #failures = 0
  /** What the last one met. */
  #met: string | undefined

  constructor(place: BesideWriter) {
    this.#place = place
  }

  /** The one to read now. */
  async log(): Promise<FileLog> {
    await this.#place.current.reopening
    return this.#place.current.log
  }

  /** Throws the error, where a new log would not help. */
  async failed(log: FileLog, error: unknown): Promise<void> {
    const { current, gate } = this.#place
    this.#failures++
    if (this.#failures === failuresMax || gate.isClosed) throw error
    if (current.reopening !== undefined || current.log !== log) return
    // That a blob is missing is looked at once more: it may have been put since, and a log that was just opened knows.
    const isMissing = isHoldfastError(error, 'BLOB_MISSING') && this.#failures === 1
    const isOfFiles = isHoldfastError(error, 'DAMAGED') || errorCodeOf(error) === 'ENOENT'
    if (log.writer !== undefined || !(isOfFiles || isMissing)) throw error
    const met = `${String(error)} ${segmentsOf(log)}`
    if (met === this.#met) throw error
    this.#met = met
    await current.replace()
  }
}

/** Where nothing was rewritten it is the same text. */
function segmentsOf({ catalog }: FileLog): string {
  return catalog.all.map(({ facts }) => `${facts.name} ${facts.sealed?.sha256}`).join()
}
