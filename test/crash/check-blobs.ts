// Reads the blobs that events name: whatever happened, what an event names is there, and is what was put.

import { createHash } from 'node:crypto'
import type { Store } from '../../src/stores/store.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'

/** Those of the streams below `blobs/`. Throws when one is wrong. */
export async function checkBlobs(store: Store): Promise<void> {
  const events = await readEvents(store, { select: { kind: 'prefix', prefix: 'blobs/' }, direction: 'forward' })
  for (const digest of new Set(events.flatMap(({ blobs }) => blobs))) {
    const hash = createHash('sha256')
    for await (const chunk of store.readBlob(digest)) hash.update(chunk)
    if (hash.digest('hex') !== digest) throw new Error(`blob ${digest} is not what was put`)
  }
}
