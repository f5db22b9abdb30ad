// What the index of a segment lists on disk: the places of a type where they are few, so that the index stays small.

import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { assert } from '../errors.ts'
import { MemoryIndex } from './memory-index.ts'
import { ActiveIndex, areSparse } from './segment-index.ts'
import { TableIndex } from './table-index.ts'
import { BlockCache } from './tables/block-cache.ts'

const eventBytes = 500

/** Of 1,000 events each 50th is rare. */
async function written() {
  const index = new ActiveIndex()
  for (let n = 0; n < 1_000; n++) {
    const type = n % 50 === 0 ? 'rare' : 'many'
    index.add({ stream: 's', seq: n + 1, position: n + 1, type }, 400 + n * eventBytes, 0)
  }
  const disk = memoryDisk()
  await disk.makeDirectory('index')
  const description = await TableIndex.write(disk, 'one', new MemoryIndex(index, async () => 0))
  assert(description !== undefined, 'there is something in it')
  return await TableIndex.open(disk, description, new BlockCache(1_000_000))
}

describe('the index of a segment on disk', () => {
  it('lists where the events of a type stand when they are few, and of a type that has none that there are none', async () => {
    const index = await written()
    const places = Array.from({ length: 20 }, (_, n) => 400 + n * 50 * eventBytes)
    expect(await index.typePlaces('rare')).toEqual(places)
    expect(await index.typePlaces('absent')).toEqual([])
    await index.close()
  })

  it('says of a frequent type only that there are many', async () => {
    const index = await written()
    expect(await index.typePlaces('many')).toBeUndefined()
    await index.close()
  })

  it('takes one event in two kilobytes for few', () => {
    expect([areSparse(0, 0), areSparse(10, 20_480), areSparse(10, 20_479)]).toEqual([true, true, false])
  })
})
