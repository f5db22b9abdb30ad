// An export by a reader process: from a log of its own, so that what it shows is one state. The writer may rewrite a
// segment that is still to be read; then that state is gone, which is not damage, and whoever asked can ask again.

import { errorCodeOf } from '../../disks/disk-error.ts'
import type { Blobs } from '../../engine/blobs.ts'
import { dumpLog } from '../../engine/dump.ts'
import { stateKeys } from '../../engine/state-keys.ts'
import { HoldfastError, isHoldfastError } from '../../errors.ts'
import type { DumpOptions, ImportRecord } from '../store.ts'
import type { CurrentLog } from './current-log.ts'
import type { FileLog } from './file-log.ts'

export async function* dumpBesideWriter(
  current: CurrentLog,
  blobs: Blobs,
  options: DumpOptions,
): AsyncGenerator<readonly ImportRecord[], void, undefined> {
  const log = await current.openAnother()
  try {
    yield* dumpLog({ log, blobs }, options)
  } catch (error) {
    const isOfFiles = isHoldfastError(error, 'DAMAGED') || errorCodeOf(error) === 'ENOENT'
    throw isOfFiles && (await isRewritten(log, current)) ? rewritten(error) : error
  } finally {
    await log.close()
  }
}

/** Readers are shown the record of a rewrite before the file. */
async function isRewritten(log: FileLog, current: CurrentLog): Promise<boolean> {
  const now = await current.openAnother()
  try {
    const names = new Set(now.catalog.all.map(({ facts }) => facts.name))
    for (const { facts } of log.catalog.all) {
      const key = stateKeys.rewrite(facts.name)
      const records = [await log.state.loadEntry(key), await now.state.loadEntry(key)].map((entry) =>
        JSON.stringify(entry),
      )
      if (!names.has(facts.name) || records[0] !== records[1]) return true
    }
    return false
  } finally {
    await now.close()
  }
}

function rewritten(cause: unknown): HoldfastError {
  return new HoldfastError('RETAINED', 'retention removed what was still to be exported', {
    hint: 'Export again, or export from the process that writes the journal: there, retention waits.',
    cause,
  })
}
