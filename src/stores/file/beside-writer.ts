// Reading a log that may be replaced meanwhile: by a reader process, because the writer has rewritten what it was reading,
// or by a writer that recovers in place. Either way the reading goes on where it was, in the new log; what shows there
// again is real.

import { errorCodeOf } from '../../disks/disk-error.ts'
import { restOfQuery } from '../../engine/rest-of-query.ts'
import { readBackward, readForward } from '../../engine/sequential-read.ts'
import { readStream } from '../../engine/stream-read.ts'
import { isHoldfastError } from '../../errors.ts'
import type { ReadItem, ReadQuery } from '../store.ts'
import type { CurrentLog } from './current-log.ts'
import type { FileLog } from './file-log.ts'
import type { Gate } from './gate.ts'

const attemptsMax = 5

export interface BesideWriter {
  readonly current: CurrentLog
  readonly gate: Gate
}

/** One question that can be asked again. */
export async function askBesideWriter<T>(place: BesideWriter, ask: (log: FileLog) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    await place.current.reopening
    const { log } = place.current
    try {
      return await ask(log)
    } catch (error) {
      await openAnew(place, { log, error, attempt })
    }
  }
}

export async function* readBesideWriter(
  place: BesideWriter,
  query: ReadQuery,
): AsyncGenerator<readonly ReadItem[], void, undefined> {
  let rest = query
  for (let attempt = 1; rest.limit === undefined || rest.limit > 0; attempt++) {
    await place.current.reopening
    const { log } = place.current
    try {
      for await (const page of readLog(log, rest)) {
        yield page
        rest = restOfQuery(rest, page)
      }
      return
    } catch (error) {
      await openAnew(place, { log, error, attempt })
    }
  }
}

/** A blob's content, which is the same in every log: another one's goes on where this one's ended. */
export async function* readBlobBesideWriter(
  place: BesideWriter,
  read: (log: FileLog) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let given = 0
  for (let attempt = 1; ; attempt++) {
    await place.current.reopening
    const { log } = place.current
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
      await openAnew(place, { log, error, attempt })
    }
  }
}

function readLog(log: FileLog, query: ReadQuery): AsyncIterable<readonly ReadItem[]> {
  const { select, direction } = query
  if (select.kind === 'stream') return readStream(log, query, select.stream)
  return direction === 'backward' ? readBackward(log, query) : readForward(log, query)
}

/** Or throws the error, where a new log would not help. */
async function openAnew(
  { current, gate }: BesideWriter,
  { log, error, attempt }: { readonly log: FileLog; readonly error: unknown; readonly attempt: number },
): Promise<void> {
  if (attempt === attemptsMax || gate.isClosed) throw error
  if (current.reopening !== undefined || current.log !== log) return
  // That a blob is missing is looked at once more: it may have been put since, and a log that was just opened knows.
  const isMissing = isHoldfastError(error, 'BLOB_MISSING') && attempt === 1
  const isOfFiles = isHoldfastError(error, 'DAMAGED') || errorCodeOf(error) === 'ENOENT'
  if (log.writer !== undefined || !(isOfFiles || isMissing)) throw error
  await current.replace(log)
}
