// How far a segment is read: what was sealed since, what still grows, and what began later.

import { expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { appendTo, openSmall, paddedEvent } from '../testing/small-segments.ts'
import { Catalog } from './catalog.ts'
import { segmentName, segmentPath } from './layout.ts'
import { readableBytes } from './log-view.ts'

it('reads what is active to the durable end, what was sealed since to its end, and nothing of what came later', () => {
  const catalog = new Catalog(memoryDisk())
  catalog.add({ name: segmentName(1, 0), number: 1, first: 1, sealed: undefined })
  const begun = { position: 3, segment: 1, bytes: 700 }
  const { active } = catalog
  expect(readableBytes(active, begun)).toBe(700)
  const next = { name: segmentName(9, 0), number: 2, first: 9, sealed: undefined }
  const sealed = catalog.seal({ bytes: 4_200, sha256: 'a'.repeat(64), events: 8 }, next)
  const now = { position: 9, segment: 2, bytes: 500 }
  expect(readableBytes(sealed, now)).toBe(4_200)
  expect(readableBytes(active, now)).toBe(4_200)
  expect(readableBytes(active, begun)).toBe(700)
  expect(readableBytes(catalog.active, begun)).toBe(0)
})

it('gives a blob whose segment is sealed while it is being opened', async () => {
  const { disk, hold } = heldDisk(memoryDisk())
  const store = await openSmall(disk)
  await appendTo(store, 'a', 12)
  const content = Buffer.alloc(600, 7)
  const { digest } = await store.stageBlob(content)
  await store.append({ events: [{ ...paddedEvent('b'), blobs: [digest] }], durability: 'sync' })
  const opening = hold('open', (path) => path === segmentPath(segmentName(11, 0)))
  const pieces: Uint8Array[] = []
  const reading = (async () => {
    for await (const piece of store.readBlob(digest)) pieces.push(piece)
  })()
  await opening.reached
  await appendTo(store, 'a', 12)
  opening.release()
  await reading
  expect(Buffer.concat(pieces)).toEqual(content)
  await store.close()
})
