import { expect, it } from 'vitest'
import { BlobRef } from '../core/blob-ref.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import type { BlobContent } from './blobs.ts'

async function* parts(...all: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of all) yield Buffer.from(part)
}

it('stores content once, however it is given, and keeps it as long as an event names it', async () => {
  const { journal } = memoryJournal()
  const text = await journal.blobs.put('héllo')
  expect(text).toBeInstanceOf(BlobRef)
  expect(text.bytes).toBe(6)
  expect(await journal.blobs.put(Buffer.from('héllo'))).toEqual(text)
  expect(await journal.blobs.put(parts('hé', 'llo'))).toEqual(text)
  expect(await journal.stats()).toMatchObject({ blobs: 1, blobBytes: 6 })
  await journal.append('a', { type: 'attached', data: { file: text }, meta: { files: [text] } })
  await journal.append('a', [
    { type: 'attached', meta: text },
    { type: 'attached', data: text },
  ])
  const [event] = await journal.read().toArray()
  const file = (event?.data as { readonly file: BlobRef } | undefined)?.file ?? ''
  expect(Buffer.from(await journal.blobs.get(file)).toString()).toBe('héllo')
  expect(await journal.blobs.has(text.digest)).toBe(true)
  await journal.retain({ streams: [{ stream: 'a', before: 'all' }] })
  expect(await journal.blobs.has(file)).toBe(false)
  await expect(journal.blobs.get(file)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
})

it('streams large content in parts', async () => {
  const { journal } = memoryJournal()
  const content = Buffer.alloc(1_000_000, 'abc')
  const ref = await journal.blobs.put(content)
  let bytes = 0
  let count = 0
  for await (const chunk of journal.blobs.stream(ref)) {
    bytes += chunk.length
    count++
  }
  expect({ bytes, isInParts: count > 1 }).toEqual({ bytes: content.length, isInParts: true })
  expect(content.equals(await journal.blobs.get(ref))).toBe(true)
  expect(await journal.blobs.get(await journal.blobs.put(''))).toEqual(new Uint8Array(0))
})

it('refuses an event that names what is not there, and wrong arguments', async () => {
  const { journal } = memoryJournal()
  const missing = new BlobRef('0'.repeat(64), 1)
  await expect(journal.append('a', { type: 'x', data: missing })).rejects.toMatchObject({ code: 'BLOB_MISSING' })
  await expect(journal.blobs.put(7 as unknown as BlobContent)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(journal.blobs.has('xyz')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(await journal.blobs.has(missing)).toBe(false)
})
