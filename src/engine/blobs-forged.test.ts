// Records of blobs that match their checksums and are of nothing.

import { expect, it } from 'vitest'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { diskOf } from '../testing/sample-journal.ts'
import { openSmall } from '../testing/small-segments.ts'
import { sha256 } from './chunk-files.ts'

it('a record of a blob that has neither content nor a list of chunks is told as damage', async () => {
  const digest = sha256(Buffer.from('content'))
  const record = forgedControl({ control: 'blob', digest, bytes: 7, chunks: null })
  const disk = await diskOf(forgedJournal([{ lines: [record, forgedEvent(1, { blobs: [digest] })] }]))
  const store = await openSmall(disk)
  const reading = store.readBlob(digest)[Symbol.asyncIterator]()
  await expect(reading.next()).rejects.toMatchObject({ code: 'DAMAGED', details: { kind: 'blob-digest' } })
  await store.close()
})
