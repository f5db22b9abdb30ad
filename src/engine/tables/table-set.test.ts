import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../core/utf8-order.ts'
import type { Disk } from '../../disks/disk.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import type { Entry } from './entry.ts'
import { type SetScan, TableSet, type TableSetOptions } from './table-set.ts'

const folder = 'state'

function openSet(disk: Disk, options: Partial<TableSetOptions> = {}): Promise<TableSet> {
  return TableSet.open(disk, { folder, blockCacheBytes: 100_000, ...options })
}

/** The same disk, but for how it opens files. */
function opening(disk: Disk, open: Disk['open']): Disk {
  return new Proxy(disk, {
    get(target, name) {
      const member: unknown = name === 'open' ? open : Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

function sorted(entries: Iterable<Entry>): Entry[] {
  return [...entries].sort((a, b) => compareUtf8(a[0], b[0]))
}

async function scanned(set: TableSet, options: SetScan = {}): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const batch of set.scan(options)) all.push(...batch)
  return all
}

async function fileNames(disk: Disk): Promise<string[]> {
  return (await disk.list(folder)).map((entry) => entry.name).sort()
}

function numbered(count: number, value: string): Entry[] {
  return sorted(Array.from({ length: count }, (_, index) => [`key/${index}`, `${value}/${index}`]))
}

/** A set on its disk, with so many flushes of the same keys. */
async function filled(flushes: number, count = 300) {
  const disk = memoryDisk()
  const set = await openSet(disk)
  for (let flush = 1; flush <= flushes; flush++) await set.flush(numbered(count, `v${flush}`), `note ${flush}`)
  return { disk, set }
}

describe('a set of tables', () => {
  it('is absent at first, and ready with its note after a flush', async () => {
    const disk = memoryDisk()
    const set = await openSet(disk)
    expect(set.outcome).toMatchObject({ state: 'absent' })
    expect([set.note, await set.get('a'), await scanned(set)]).toEqual(['', undefined, []])
    await set.flush([['a', '1']], 'through 7')
    expect([set.outcome, set.note, await set.get('a')]).toEqual([{ state: 'ready' }, 'through 7', '1'])
    const reopened = await openSet(disk)
    expect([reopened.outcome, reopened.note, await reopened.get('a')]).toEqual([{ state: 'ready' }, 'through 7', '1'])
  })

  it('changes the note alone when there are no entries', async () => {
    const { disk, set } = await filled(1)
    await set.flush([], 'further')
    await set.flush(new Map<string, string>(), 'furthest')
    expect([set.note, set.tables.length, await fileNames(disk)]).toEqual([
      'furthest',
      1,
      ['00000001.table', 'manifest.json'],
    ])
  })

  it('answers with the newest value, and not with what was removed', async () => {
    const { set } = await filled(2)
    await set.flush([['key/5', null]], '')
    expect(await set.getMany(['key/5', 'key/6', 'none'])).toEqual([undefined, 'v2/6', undefined])
    expect((await scanned(set)).length).toBe(299)
  })

  it('rules a key out without a read once the filters are at hand, and never one that it has', async () => {
    const { disk, set } = await filled(1)
    const empty = await openSet(memoryDisk())
    expect(empty.excludes('a')).toBe(true)
    const again = await openSet(disk)
    const has = (key: string): boolean => !again.excludes(key)
    expect(has('nothing like it')).toBe(true) // nothing was read yet
    await again.get('key/0')
    for (const [key] of numbered(300, '')) expect(has(key)).toBe(true)
    const ruledOut = Array.from({ length: 300 }, (_, index) => again.excludes(`other/${index}`)).filter(Boolean)
    expect(ruledOut.length).toBeGreaterThan(250)
    await Promise.all([set.close(), again.close()])
    expect(again.excludes('nothing like it')).toBe(false)
  })

  it('lays what the caller has in memory over a scan', async () => {
    const { set } = await filled(1, 3)
    const overlay: Entry[] = [
      ['a', 'before the range'],
      ['key/0', 'new'],
      ['key/1', null],
      ['key/9', 'added'],
      ['z', 'behind the range'],
    ]
    expect(await scanned(set, { overlay, prefix: 'key/' })).toEqual([
      ['key/0', 'new'],
      ['key/2', 'v1/2'],
      ['key/9', 'added'],
    ])
  })

  it('merges four tables into one and removes their files', async () => {
    const { disk, set } = await filled(4)
    expect(await set.merge()).toBe(true)
    expect(await set.merge()).toBe(false)
    expect([set.tables.length, set.tables[0]?.entries, set.note]).toEqual([1, 300, 'note 4'])
    expect(await scanned(set)).toEqual(numbered(300, 'v4'))
    expect(await fileNames(disk)).toEqual(['00000005.table', 'manifest.json'])
  })

  it('drops tombstones only where they hide nothing', async () => {
    const disk = memoryDisk()
    const set = await openSet(disk)
    const big = 'x'.repeat(400_000)
    await set.flush([['a', '1'], ...numbered(1, big)], '')
    await set.flush([['a', null]], '')
    for (let flush = 0; flush < 3; flush++) await set.flush([['b', `${flush}`]], '')
    expect(await set.merge()).toBe(true)
    expect(set.tables.map((table) => table.entries)).toEqual([2, 2])
    expect(await set.get('a')).toBeUndefined()
    for (let flush = 0; flush < 3; flush++) await set.flush(numbered(1, big), '')
    for (let flush = 0; flush < 3; flush++) await set.flush([['b', `${flush}`]], '')
    while (await set.merge());
    const all = new Map(await scanned(set))
    expect([all.get('a'), all.get('b'), all.size]).toEqual([undefined, '2', 3 - 1])
  })

  it('forgets what a merge is told not to keep, and shows nothing older in its place', async () => {
    const disk = memoryDisk()
    const set = await openSet(disk)
    await set.flush([['command/1', 'old'], ...numbered(1, 'x'.repeat(400_000))], '')
    for (let flush = 0; flush < 4; flush++) await set.flush([['command/1', `expired ${flush}`]], '')
    expect(await set.merge({ keep: (_, value) => !value.startsWith('expired') })).toBe(true)
    expect([await set.get('command/1'), set.tables.length]).toEqual([undefined, 2])
  })

  it('can merge everything away', async () => {
    const { disk, set } = await filled(4)
    expect(await set.merge({ keep: () => false })).toBe(true)
    expect([set.tables, await scanned(set), await fileNames(disk)]).toEqual([[], [], ['manifest.json']])
  })

  it('is absent after clear, and can be filled anew', async () => {
    const { disk, set } = await filled(3)
    await set.clear()
    expect([set.outcome.state, set.note, await set.get('key/1'), await fileNames(disk)]).toEqual([
      'absent',
      '',
      undefined,
      [],
    ])
    expect((await openSet(disk)).outcome.state).toBe('absent')
    await set.flush([['a', '1']], 'anew')
    expect([await set.get('a'), set.note]).toEqual(['1', 'anew'])
    await set.clear()
    await set.clear()
  })

  it('removes files that no manifest lists when a writer opens it, and nothing that is not its own', async () => {
    const { disk, set } = await filled(1)
    await set.close()
    for (const name of ['00000009.table', '00000010.part', 'manifest.json.part', 'notes.txt']) {
      await (await disk.open(`${folder}/${name}`, { mode: 'write', create: 'exclusive' })).close()
    }
    await disk.makeDirectory(`${folder}/00000011.table`)
    const before = await fileNames(disk)
    const reader = await openSet(disk, { readOnly: true })
    expect([await reader.get('key/1'), await fileNames(disk)]).toEqual(['v1/1', before])
    const writer = await openSet(disk)
    expect(await fileNames(disk)).toEqual(['00000001.table', '00000011.table', 'manifest.json', 'notes.txt'])
    await writer.flush([['a', '1']], '')
    expect(writer.tables[0]?.name).toBe('00000012')
  })

  it('goes by a name that a former owner, who is still alive, has begun to write under', async () => {
    const disk = memoryDisk()
    const former = await openSet(disk)
    const set = await openSet(disk)
    let goOn = (): void => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* slow(): AsyncGenerator<Entry[]> {
      await held
      yield [['a', 'former']]
    }
    const writing = former.flush(slow(), 'of the former')
    await set.flush([['a', 'new']], 'of the new')
    goOn()
    await writing.catch(() => undefined)
    expect([set.note, await set.get('a')]).toEqual(['of the new', 'new'])
    await set.flush([['b', 'new']], 'once more')
    const reopened = await openSet(disk)
    expect([reopened.note, await reopened.get('a'), await reopened.get('b')]).toEqual(['once more', 'new', 'new'])
  })

  it('refuses work once it is closed, and changes for readers', async () => {
    const { disk, set } = await filled(1)
    const closed = { code: 'CLOSED' }
    const scan = set.scan()
    await scan.next()
    await Promise.all([set.close(), set.close()])
    await expect(set.get('key/1')).rejects.toMatchObject(closed)
    await expect(set.scan().next()).rejects.toMatchObject(closed)
    await expect(set.flush([], '')).rejects.toMatchObject(closed)
    await expect(set.merge()).rejects.toMatchObject(closed)
    await expect(set.clear()).rejects.toMatchObject(closed)
    const reader = await openSet(disk, { readOnly: true })
    for (const change of [() => reader.flush([], ''), () => reader.merge(), () => reader.clear()]) {
      await expect(change()).rejects.toMatchObject({ code: 'READ_ONLY' })
    }
    await expect(set.reload()).rejects.toMatchObject({ code: 'ASSERTION' })
    await reader.close()
    await expect(reader.reload()).rejects.toMatchObject(closed)
  })
})

describe('work at the same time', () => {
  it('keeps a scan on the tables that it began with, through a merge and a clear', async () => {
    const { set } = await filled(4, 3_000)
    const scan = set.scan()
    const all: Entry[] = [...((await scan.next()).value ?? [])]
    await set.flush(numbered(3_000, 'v5'), '')
    await set.merge()
    await set.clear()
    for await (const batch of scan) all.push(...batch)
    expect(all).toEqual(numbered(3_000, 'v4'))
  })

  it('lets flushes pass while a merge writes, and keeps their order', async () => {
    const disk = memoryDisk()
    let resume = () => {}
    let paused = () => {}
    const inMerge = new Promise<void>((resolve) => {
      paused = resolve
    })
    let holding = false
    const set = await openSet(disk, {
      pause: () => {
        if (!holding) return Promise.resolve()
        holding = false
        paused()
        return new Promise<void>((resolve) => {
          resume = resolve
        })
      },
    })
    for (let flush = 1; flush <= 4; flush++) await set.flush(numbered(3_000, `v${flush}`), '')
    holding = true
    const merging = set.merge()
    await inMerge
    await set.flush(numbered(10, 'v5'), 'during the merge')
    expect([await set.get('key/5'), await set.get('key/50')]).toEqual(['v5/5', 'v4/50'])
    resume()
    expect(await merging).toBe(true)
    expect([set.tables.length, set.note]).toEqual([2, 'during the merge'])
    expect([await set.get('key/5'), await set.get('key/50')]).toEqual(['v5/5', 'v4/50'])
  })

  it.each(['clear', 'close'] as const)('gives up a merge at %s', async (end) => {
    const { disk, set } = await filled(4, 3_000)
    const merging = set.merge()
    await set[end]()
    expect(await merging).toBe(false)
    await set.close()
    const reopened = await openSet(disk)
    expect((await fileNames(disk)).length).toBe(end === 'clear' ? 0 : 5)
    expect(await scanned(reopened)).toEqual(end === 'clear' ? [] : numbered(3_000, 'v4'))
  })

  it('gives up a merge that is written but not yet installed when the set is cleared', async () => {
    const inner = memoryDisk()
    let clearing: Promise<void> | undefined
    const disk = opening(inner, (path, options) => {
      if (path.endsWith('5.table')) clearing = set.clear()
      return inner.open(path, options)
    })
    const set = await openSet(disk)
    for (let flush = 1; flush <= 4; flush++) await set.flush(numbered(10, `v${flush}`), '')
    expect([await set.merge(), await clearing]).toEqual([false, undefined])
    expect([await scanned(set), set.outcome.state]).toEqual([[], 'absent'])
    await set.flush(numbered(2, 'anew'), '')
    expect(await fileNames(inner)).toEqual(['00000006.table', 'manifest.json'])
  })

  it('stays right when everything is asked for at once', async () => {
    const disk = memoryDisk()
    const set = await openSet(disk)
    const work: Promise<unknown>[] = []
    for (let flush = 1; flush <= 12; flush++) {
      work.push(set.flush(numbered(1_000, `v${flush}`), `${flush}`), set.merge())
      work.push(scanned(set).then((all) => expect([0, 1_000]).toContain(all.length)))
      work.push(set.get('key/7').then((value) => expect(value ?? 'v/7').toMatch(/^v\d*\/7$/)))
    }
    await Promise.all(work)
    while (await set.merge());
    expect([set.note, await scanned(set)]).toEqual(['12', numbered(1_000, 'v12')])
    await set.close()
    expect(await scanned(await openSet(disk))).toEqual(numbered(1_000, 'v12'))
  })
})

describe('a reader beside a writer', () => {
  it('sees what was flushed when it reloads, not before, and keeps what was merged away', async () => {
    const { disk, set } = await filled(3)
    const reader = await openSet(disk, { readOnly: true })
    expect(await reader.reload()).toBe(false)
    await set.flush(numbered(300, 'v4'), 'four')
    await set.merge()
    expect([await reader.get('key/1'), await reader.get('key/2')]).toEqual(['v3/1', 'v3/2'])
    expect(await reader.reload()).toBe(true)
    expect([await reader.get('key/1'), reader.note, reader.tables.length]).toEqual(['v4/1', 'four', 1])
    await set.clear()
    expect([await reader.reload(), reader.outcome.state, await reader.reload()]).toEqual([true, 'absent', false])
    await set.flush(numbered(300, 'v5'), 'five')
    expect([await reader.reload(), await reader.get('key/1')]).toEqual([true, 'v5/1'])
  })

  it('keeps open what it has, and opens what is new', async () => {
    const { disk, set } = await filled(1)
    const opened: string[] = []
    const counted = opening(disk, (path, options) => {
      opened.push(path)
      return disk.open(path, options)
    })
    const reader = await openSet(counted, { readOnly: true })
    await set.flush(numbered(10, 'v2'), '')
    expect(await reader.reload()).toBe(true)
    expect(opened.filter((path) => path.endsWith('.table'))).toEqual(['state/00000001.table', 'state/00000002.table'])
    expect(await reader.getMany(['key/1', 'key/11'])).toEqual(['v2/1', 'v1/11'])
  })

  it('does not take a table of a new set for one of the old set with the same name', async () => {
    const { disk, set } = await filled(1)
    const reader = await openSet(disk, { readOnly: true })
    await set.clear()
    await set.close()
    const writer = await openSet(disk)
    await writer.flush(numbered(300, 'w1'), 'note 1')
    expect(writer.tables[0]?.name).toBe('00000001')
    await reader.reload()
    expect(await reader.get('key/1')).toBe('w1/1')
  })

  it('reads the manifest again when a table went while it opened', async () => {
    const { disk, set } = await filled(4)
    let raced = false
    const racing = opening(disk, async (path, options) => {
      if (path.endsWith('.table') && !raced) {
        raced = true
        await set.merge()
      }
      return await disk.open(path, options)
    })
    const reader = await openSet(racing, { readOnly: true })
    expect([reader.outcome.state, reader.tables.length, await reader.get('key/1')]).toEqual(['ready', 1, 'v4/1'])
  })
})

describe('damage', () => {
  it('a table that is gone when a merge has replaced it was to go anyway', async () => {
    const { disk, set } = await filled(4)
    await disk.remove(`${folder}/00000002.table`)
    expect([await set.merge(), await set.get('key/1')]).toEqual([true, 'v4/1'])
  })

  it.each(['00000001.table', '00000003.table'])('%s missing makes the set damaged and empty', async (name) => {
    const { disk, set } = await filled(3)
    await set.close()
    await disk.remove(`${folder}/${name}`)
    const reader = await openSet(disk, { readOnly: true })
    expect([reader.outcome.state, await scanned(reader)]).toEqual(['damaged', []])
    const writer = await openSet(disk)
    expect([writer.outcome.state, await writer.get('key/1')]).toEqual(['damaged', undefined])
    await writer.clear()
    await writer.flush(numbered(2, 'again'), 'rebuilt')
    expect((await openSet(disk)).outcome).toEqual({ state: 'ready' })
  })

  it('a flipped bit in the manifest makes the set damaged, and a flush makes it whole', async () => {
    const { disk, set } = await filled(2)
    await set.close()
    const file = await disk.open(`${folder}/manifest.json`, { mode: 'write' })
    await file.write(Buffer.from('x'), 30)
    await file.close()
    const writer = await openSet(disk)
    expect([writer.outcome.state, writer.tables, writer.note]).toEqual(['damaged', [], ''])
    await writer.flush(numbered(1, 'again'), 'again')
    expect([(await openSet(disk)).note, await fileNames(disk)]).toEqual(['again', ['00000003.table', 'manifest.json']])
  })

  it('an error of the disk is neither absence nor damage', async () => {
    const { disk } = await filled(1)
    for (const failing of ['manifest.json', '00000001.table']) {
      const faulty = opening(disk, (path, options) =>
        path.endsWith(failing)
          ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
          : disk.open(path, options),
      )
      await expect(openSet(faulty)).rejects.toMatchObject({ code: 'EIO' })
    }
    expect((await openSet(disk)).outcome.state).toBe('ready')
  })
})

describe('against a plain map', () => {
  const key = fc.oneof(
    fc.constantFrom(
      '',
      'a',
      'ab',
      '\uffff',
      '\ue000',
      '\u{10000}',
      '\u{1f600}',
      '\u{10000}a',
      'run/1',
      'run/10',
      'run/2',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const value = fc.option(fc.string({ unit: 'grapheme', maxLength: 20 }), { freq: 4 })
  const changes = fc.array(fc.tuple(key, value), { maxLength: 20 })
  const scan = fc.record({ do: fc.constant('scan' as const), from: key, after: key, prefix: key, overlay: changes })
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('flush' as const), changes, size: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('merge' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('mergeBeside' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
    { weight: 4, arbitrary: scan },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), keys: fc.array(key, { maxLength: 8 }) }) },
  )

  it('gives the same answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
        const disk = memoryDisk()
        let set = await openSet(disk, { blockCacheBytes: 1_000 })
        const model = new Map<string, string>()
        let beside: Promise<boolean> = Promise.resolve(false)
        const apply = (map: Map<string, string>, list: Iterable<Entry>) => {
          for (const [name, content] of list) {
            if (content === null) map.delete(name)
            else map.set(name, content)
          }
        }
        for (const step of actions) {
          if (step.do === 'flush') {
            // Some tables are of another size, so that merges leave old tables alone.
            const padded = step.changes.map(
              ([name, text]) => [name, text?.padEnd(step.size === 0 ? 9_000 : 0)] as const,
            )
            const entries = new Map(padded.map(([name, text]) => [name, text ?? null]))
            await set.flush(sorted(entries), `${model.size}`)
            apply(model, entries)
          } else if (step.do === 'merge') await set.merge()
          else if (step.do === 'mergeBeside') beside = set.merge()
          else if (step.do === 'clear') {
            await set.clear()
            model.clear()
          } else if (step.do === 'reopen') {
            await set.close()
            set = await openSet(disk, { blockCacheBytes: 1_000 })
          } else if (step.do === 'get') {
            expect(await set.getMany(step.keys)).toEqual(step.keys.map((name) => model.get(name)))
          } else {
            const overlaid = new Map(model)
            const overlay = new Map(step.overlay)
            apply(overlaid, overlay)
            const expected = sorted(overlaid).filter(
              ([name]) =>
                compareUtf8(name, step.from) >= 0 && compareUtf8(name, step.after) > 0 && name.startsWith(step.prefix),
            )
            const { from, after, prefix } = step
            expect(await scanned(set, { from, after, prefix, overlay: sorted(overlay) })).toEqual(expected)
          }
        }
        await beside
        expect(await scanned(set)).toEqual(sorted(model))
        await set.close()
      }),
      { numRuns: 150 },
    )
  })
})
