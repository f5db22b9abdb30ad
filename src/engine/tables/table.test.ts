import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../core/utf8-order.ts'
import type { Disk } from '../../disks/disk.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { BlockCache } from './block-cache.ts'
import { hashKey } from './bloom.ts'
import type { Entry, EntrySource, ScanRange } from './entry.ts'
import { TableDamaged } from './table-damaged.ts'
import { decodeFooter } from './table-footer.ts'
import { TableReader } from './table-reader.ts'
import { type TableDescription, writeTable } from './table-writer.ts'

const folder = 'state'
const pause = () => Promise.resolve()

async function newDisk(): Promise<Disk> {
  const disk = memoryDisk()
  await disk.makeDirectory(folder)
  return disk
}

function openTable(disk: Disk, description: TableDescription, cacheBytes = 1_000_000): Promise<TableReader> {
  return TableReader.open({ disk, folder, cache: new BlockCache(cacheBytes) }, description)
}

async function write(disk: Disk, entries: EntrySource, name = '00000001'): Promise<TableDescription> {
  const description = await writeTable(disk, entries, { folder, name, pause })
  if (description === undefined) return expect.unreachable('the table has entries')
  return description
}

async function scanned(table: TableReader, range: ScanRange = {}): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const batch of table.scan(range)) all.push(...batch)
  return all
}

function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => compareUtf8(a[0], b[0]))
}

/** Some tens of thousands of entries, so that the index has levels. */
const many = sorted(
  Array.from({ length: 30_000 }, (_, index) => [
    `${'stream/'.repeat(20)}${(index * 7_919) % 30_000}${index % 100 === 0 ? '\u{1f600}' : ''}`,
    index % 50 === 0 ? null : `{"seq":${index}}`,
  ]),
)

async function patched(disk: Disk, path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const file = await disk.open(path, { mode: 'write' })
  const bytes = Buffer.alloc(await file.size())
  await file.read(bytes, 0)
  const changed = change(bytes)
  await file.truncate(0)
  await file.write(changed, 0)
  await file.close()
}

describe('a table', () => {
  it('finds what is there and nothing else, through an index of several levels', async () => {
    const disk = await newDisk()
    const description = await write(disk, many)
    expect(description.entries).toBe(30_000)
    // A cache of one block has to let go of each block that it takes in.
    for (const cacheBytes of [0, 1_000_000]) {
      const table = await openTable(disk, description, cacheBytes)
      for (const [key, value] of many.filter((_, index) => index % 97 === 0)) {
        expect(await table.get(key)).toEqual({ found: true, value })
        expect(await table.get(`${key}.`)).toEqual({ found: false })
      }
      expect(await table.get('')).toEqual({ found: false })
      expect(await table.get('\u{10ffff}')).toEqual({ found: false })
      await table.close()
    }
  })

  it('says so of keys that the filter lets through by chance', async () => {
    const disk = await newDisk()
    const table = await openTable(disk, await write(disk, many))
    const letThrough = hashKey(many[0]?.[0] ?? '')
    for (const key of ['', 'stream/!', '\u{10ffff}']) expect(await table.get(key, letThrough)).toEqual({ found: false })
  })

  it('answers lookups at the same time', async () => {
    const disk = await newDisk()
    const table = await openTable(disk, await write(disk, many), 50_000)
    const some = many.filter((_, index) => index % 37 === 0)
    const found = await Promise.all(some.map(([key]) => table.get(key)))
    expect(found).toEqual(some.map(([, value]) => ({ found: true, value })))
  })

  it('rules keys out without waiting, once its filter is there', async () => {
    const disk = await newDisk()
    const table = await openTable(disk, await write(disk, many))
    const hash = { first: 1, second: 3 }
    expect(table.excludes(hash)).toBe(false)
    await table.get('x')
    expect(table.excludes(hash)).toBe(true)
  })

  it('scans everything, in order', async () => {
    const disk = await newDisk()
    const table = await openTable(disk, await write(disk, many))
    expect(await scanned(table)).toEqual(many)
  })

  it('can be written from batches that have to be waited for', async () => {
    const disk = await newDisk()
    async function* batches() {
      yield []
      yield many.slice(0, 10)
      yield many.slice(10, 5_000)
    }
    const table = await openTable(disk, await write(disk, batches()))
    expect(await scanned(table)).toEqual(many.slice(0, 5_000))
  })

  it('scans any range like a filter would', async () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '\uffff', '\u{10000}', '\u{e000}'), maxLength: 4 })
    const bound = fc.option(part, { nil: undefined })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(part, { minLength: 1, maxLength: 60 }),
        bound,
        bound,
        bound,
        fc.boolean(),
        async (keys, from, after, prefix, long) => {
          const entries = sorted(keys.map((key) => [key, long ? key.padEnd(3_000) : key]))
          const disk = await newDisk()
          const table = await openTable(disk, await write(disk, entries))
          const expected = entries.filter(
            ([key]) =>
              (from === undefined || compareUtf8(key, from) >= 0) &&
              (after === undefined || compareUtf8(key, after) > 0) &&
              key.startsWith(prefix ?? ''),
          )
          expect(await scanned(table, { from, after, prefix })).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('is not there when there are no entries, or when they fail', async () => {
    const disk = await newDisk()
    const options = { folder, name: '00000001', pause }
    expect(await writeTable(disk, [], options)).toBeUndefined()
    async function* failing() {
      yield many.slice(0, 3_000)
      throw new RangeError('no more')
    }
    await expect(writeTable(disk, failing(), options)).rejects.toThrow(RangeError)
    expect(await disk.list(folder)).toEqual([])
  })

  it('lets reads end that are under way when it is closed, and refuses others', async () => {
    const disk = await newDisk()
    const table = await openTable(disk, await write(disk, many))
    const [key, value] = many[0] ?? ['', '']
    expect(await table.get(key)).toEqual({ found: true, value })
    const scan = table.scan()
    const batch = scan.next()
    await Promise.all([table.close(), table.close()])
    expect((await batch).value?.[0]).toEqual([key, value])
    await expect(table.get(key)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(scan.next()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

it('a table that is closed leaves nothing in the cache', async () => {
  const disk = await newDisk()
  const cache = new BlockCache(1_000_000)
  const table = await TableReader.open({ disk, folder, cache }, await write(disk, [['key', 'value']]))
  expect(await table.get('none')).toEqual({ found: false })
  const lookup = table.get('key')
  await table.close()
  expect([await lookup, cache.used]).toEqual([{ found: true, value: 'value' }, 0])
})

describe('damage to a table', () => {
  const small: Entry[] = [
    ['command/1', '{"a":1}'],
    ['command/2', null],
    ['lease/x', ''],
  ]
  const path = `${folder}/00000001.table`

  /** Everything that can be asked of it. */
  async function observed(disk: Disk, description: TableDescription) {
    const table = await openTable(disk, description)
    const lookups = []
    for (const key of ['command/1', 'command/2', 'lease/x', 'command/3', '']) lookups.push(await table.get(key))
    return { lookups, entries: await scanned(table) }
  }

  it('shows for every flipped bit', async () => {
    const disk = await newDisk()
    const description = await write(disk, small)
    const good = await observed(disk, description)
    expect(good.entries).toEqual(small)
    for (let bit = 0; bit < description.bytes * 8; bit++) {
      const flip = (bytes: Buffer) => {
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        return bytes
      }
      await patched(disk, path, flip)
      await expect(observed(disk, description), `bit ${bit}`).rejects.toBeInstanceOf(TableDamaged)
      await patched(disk, path, flip)
    }
    expect(await observed(disk, description)).toEqual(good)
  })

  it('shows in every block of a large table when it is asked for', async () => {
    const disk = await newDisk()
    const description = await write(disk, many)
    const table = await openTable(disk, description)
    await patched(disk, path, (bytes) => bytes.fill(0xff, 0, description.footer.offset - 40_000))
    await expect(scanned(table)).rejects.toBeInstanceOf(TableDamaged)
    await expect(table.get(many[0]?.[0] ?? '')).rejects.toBeInstanceOf(TableDamaged)
  })

  it('shows when the file is too short, too long, missing, or no file', async () => {
    const disk = await newDisk()
    const description = await write(disk, small)
    const table = await openTable(disk, description)
    await patched(disk, path, (bytes) => bytes.subarray(0, -1))
    await expect(openTable(disk, description)).rejects.toBeInstanceOf(TableDamaged)
    await expect(table.get('x')).rejects.toBeInstanceOf(TableDamaged)
    await patched(disk, path, (bytes) => Buffer.concat([bytes, bytes]))
    await expect(openTable(disk, description)).rejects.toBeInstanceOf(TableDamaged)
    await disk.remove(path)
    await expect(openTable(disk, description)).rejects.toBeInstanceOf(TableDamaged)
    await disk.makeDirectory(path)
    await expect(openTable(disk, description)).rejects.toBeInstanceOf(TableDamaged)
  })

  it('shows when another table of the same size stands in its place', async () => {
    const disk = await newDisk()
    const description = await write(disk, small)
    const other = await write(disk, [['command/1', '{"a":2}'], ...small.slice(1)], '00000002')
    expect(other.bytes).toBe(description.bytes)
    await disk.rename(`${folder}/00000002.table`, path)
    await expect(observed(disk, description)).rejects.toBeInstanceOf(TableDamaged)
  })

  it.each(['', 'null', '{"format":2}', '{"format":1,"entries":1}'])('shows in a footer like %j', (text) => {
    expect(() => decodeFooter(Buffer.from(text), { file: path, offset: 0 })).toThrow(TableDamaged)
  })

  it('is not what a disk error is: that is passed on', async () => {
    const disk = await newDisk()
    const description = await write(disk, small)
    const open = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
    const failing: Disk = new Proxy(disk, {
      get: (target, name) => (name === 'open' ? open : Reflect.get(target, name)),
    })
    await expect(openTable(failing, description)).rejects.toMatchObject({ code: 'EIO' })
  })
})
