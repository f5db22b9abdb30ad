// What a merge writes of what it reads: less of it, and nothing any more once the merge is not wanted.

import { HoldfastError } from '../../errors.ts'
import type { Entry } from './entry.ts'

export interface Thinning {
  /** False for what has no more use (an expired command id). */
  readonly keep?: ((key: string, value: string) => boolean) | undefined
  /** No table is older than the one that is written, so that no tombstone hides anything. */
  readonly oldest: boolean
}

/** Without what is not to be kept: that becomes a tombstone as long as an older table may have the key. */
export async function* thinned(
  batches: AsyncIterable<readonly Entry[]>,
  { keep, oldest }: Thinning,
): AsyncGenerator<readonly Entry[]> {
  for await (const batch of batches) {
    const kept: Entry[] = []
    for (const entry of batch) {
      const [key, value] = entry
      if (value !== null && (keep === undefined || keep(key, value))) kept.push(entry)
      else if (!oldest) kept.push([key, null])
    }
    yield kept
  }
}

/** Throws once it is stopped: the table that would have been written is not wanted any more. */
export async function* stoppable(
  batches: AsyncIterable<readonly Entry[]>,
  stopped: () => boolean,
): AsyncGenerator<readonly Entry[]> {
  for await (const batch of batches) {
    if (stopped()) throw new HoldfastError('ABORTED', 'the merge is not wanted any more')
    yield batch
  }
}
