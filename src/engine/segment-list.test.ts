// A journal whose segments are not all there: what is missing is lost, and opening says so.

import { expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { diskOf, filesOf, flipped, segmentsOf, withFile } from '../testing/sample-journal.ts'
import { appendTo, openSmall, placesIn } from '../testing/small-segments.ts'

const damaged = { code: 'DAMAGED', details: { kind: 'segment-missing' } }

async function severalSegments() {
  const disk = memoryDisk()
  const store = await openSmall(disk)
  await appendTo(store, 'a', 34)
  await store.close()
  return filesOf(disk)
}

it.each([false, true])('a journal without any segment is damaged (read only: %s)', async (readOnly) => {
  const files = await severalSegments()
  const left = new Map([...files].filter(([path]) => !path.startsWith('segments/')))
  const disk = await diskOf(left)
  await disk.makeDirectory('segments')
  await expect(openSmall(disk, { readOnly })).rejects.toMatchObject(damaged)
  expect(segmentsOf(await filesOf(disk))).toEqual([])
})

it.each([false, true])(
  'each segment must be there, also one that the tables cover (read only: %s)',
  async (readOnly) => {
    const files = await severalSegments()
    for (const path of segmentsOf(files)) {
      const disk = await diskOf(withFile(files, path, undefined))
      await expect(openSmall(disk, { readOnly }), path).rejects.toMatchObject(damaged)
      // Nothing was made in its place: with the segment back, all is there.
      const back = await openSmall(await diskOf(withFile(await filesOf(disk), path, files.get(path))), { readOnly })
      expect(await placesIn(back.read({ select: { kind: 'all' }, direction: 'forward' }))).toHaveLength(34)
      await back.close()
    }
  },
)

it('a segment that the tables do not cover must have its header', async () => {
  const files = await severalSegments()
  const path = segmentsOf(files).at(-1) ?? ''
  for (const bytes of [Buffer.from('nothing'), Buffer.alloc(0), flipped(files.get(path) ?? Buffer.alloc(0), 5, 0)])
    for (const readOnly of [false, true]) {
      const disk = await diskOf(withFile(files, path, bytes))
      await expect(openSmall(disk, { readOnly })).rejects.toMatchObject({
        code: 'DAMAGED',
        details: { kind: 'segment-header', file: path },
      })
      expect((await filesOf(disk)).get(path)).toEqual(bytes)
    }
})

it('an opening for writing removes what never got its name, one for reading leaves it', async () => {
  const files = await severalSegments()
  const part = `${segmentsOf(files)[0]}.part`
  const disk = await diskOf(withFile(files, part, Buffer.from('half a segm')))
  await (await openSmall(disk, { readOnly: true })).close()
  expect((await filesOf(disk)).has(part)).toBe(true)
  await (await openSmall(disk)).close()
  expect((await filesOf(disk)).has(part)).toBe(false)
})
