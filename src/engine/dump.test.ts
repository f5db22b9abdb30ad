import { describe, expect, it } from 'vitest'
import type { Control, RemovedControl } from '../core/control.ts'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { EncodedEvent, ImportRecord } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { bytesOf, filesOf, flipped, putFile } from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { importLog } from './import-log.ts'
import { folders } from './layout.ts'
import { listNames } from './whole-file.ts'

function openStore(disk: Disk, segmentBytes = 4_096, clock = fakeClock()): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock, random: seededRandom(1), process, segmentBytes })
}

function event(stream: string, blobs: readonly string[] = [], text = 'x'.repeat(300)): EncodedEvent {
  return { stream, type: 't', version: 1, data: JSON.stringify(text), blobs }
}

async function append(store: FileStore, ...events: readonly EncodedEvent[]): Promise<void> {
  for (const each of events) await store.append({ events: [each], durability: 'sync' })
}

async function pagesOf(source: AsyncIterable<readonly ImportRecord[]>): Promise<(readonly ImportRecord[])[]> {
  const pages: (readonly ImportRecord[])[] = []
  for await (const page of source) pages.push(page)
  return pages
}

function controlsOf(records: readonly ImportRecord[]): Control[] {
  return records.flatMap(({ control }) => (control === undefined ? [] : [JSON.parse(control) as Control]))
}

/** Events by their positions, and what stands where some stood. */
function historyOf(records: readonly ImportRecord[]): (number | Omit<RemovedControl, 'control'>)[] {
  return records.flatMap<number | Omit<RemovedControl, 'control'>>(({ event: found, control: text }) => {
    if (found !== undefined) return [(JSON.parse(found.text) as { position: number }).position]
    const control = text === undefined ? undefined : (JSON.parse(text) as Control)
    if (control?.control !== 'removed') return []
    const { control: _control, ...removed } = control
    return [removed]
  })
}

/** The records make a journal that gives the same ones. */
async function expectSameAfterImport(pages: readonly (readonly ImportRecord[])[]): Promise<void> {
  const disk = memoryDisk()
  const identity = { journal: 'a'.repeat(32), epoch: 'b'.repeat(32), created: 1 }
  await importLog({ disk, identity, segmentBytes: limits.segmentBytes }, sourceOf(pages))
  const copy = await openStore(disk)
  expect((await pagesOf(copy.dump())).flat()).toEqual(pages.flat())
  await copy.close()
}

async function* sourceOf(pages: readonly (readonly ImportRecord[])[]): AsyncGenerator<readonly ImportRecord[]> {
  yield* pages
}

async function logBytes(disk: Disk): Promise<number> {
  let bytes = 0
  for (const content of (await filesOf(disk, folders.segments)).values()) bytes += content.length
  return bytes
}

describe('dump', () => {
  it('gives blobs in pages of bounded size, cut into parts of one length', async () => {
    const store = await openStore(memoryDisk())
    const contents = Array.from({ length: 120 }, (_, index) => Buffer.alloc(limits.blobInlineBytesMax, `${index} `))
    contents.push(Buffer.alloc(2 * limits.chunkBytesMax, 7), Buffer.alloc(limits.blobInlineBytesMax + 1, 8))
    for (const content of contents) {
      const { digest } = await store.stageBlob(content)
      await append(store, event('s', [digest]))
    }
    const pages = await pagesOf(store.dump())
    const blobPages = pages.filter((page) => controlsOf(page).some(({ control }) => control === 'blob'))
    expect(blobPages.length).toBeGreaterThan(3)
    for (const page of blobPages) {
      const bytes = page.reduce((sum, { control = '' }) => sum + control.length, 0)
      expect(bytes).toBeLessThan(1.1 * limits.pageBytes)
    }
    const blobs = controlsOf(pages.flat()).filter(({ control }) => control === 'blob')
    expect(blobs).toHaveLength(contents.length)
    const parts = pages
      .flat()
      .flatMap(({ chunk }) => (chunk === undefined ? [] : [Buffer.from(chunk, 'base64').length]))
    expect(parts.sort((a, b) => a - b)).toEqual([
      limits.blobInlineBytesMax + 1,
      limits.chunkBytesMax,
      limits.chunkBytesMax,
    ])
    await expectSameAfterImport(pages)
    await store.close()
  })

  it('ends where the journal ended when it began, in the middle of a segment too', async () => {
    const store = await openStore(memoryDisk())
    const { digest } = await store.stageBlob(Buffer.from('first'))
    await append(store, event('a', [digest]), event('b'))
    const dumping = store.dump()[Symbol.asyncIterator]()
    const first = await dumping.next()
    // The rest of the segment, and more segments.
    await append(store, ...Array.from({ length: 30 }, (_, index) => event(`late ${index}`)))
    const pages = [first.value as readonly ImportRecord[]]
    for (let step = await dumping.next(); step.done !== true; step = await dumping.next()) pages.push(step.value)
    expect(historyOf(pages.flat())).toEqual([1, 2])
    await expectSameAfterImport(pages)
    await store.close()
  })

  it('tells what is removed and still stands in the log, as if it were gone', async () => {
    const clock = fakeClock()
    const disk = memoryDisk()
    const store = await openStore(disk, 65_536, clock)
    for (let position = 1; position <= 60; position++) {
      const long = 'x'.repeat(position < 7 ? 10 : 2_000)
      await append(store, event(position % 2 === 0 ? 'even' : 'odd', [], long))
      clock.advance(1_000)
    }
    const bytes = await logBytes(disk)
    // Too little of the first segment to rewrite it.
    await store.retain({ before: clock.now() - 54_500 }, { dryRun: false })
    expect(await logBytes(disk)).toBeGreaterThanOrEqual(bytes)
    const { earliest } = store.head()
    const records = (await pagesOf(store.dump())).flat()
    const rest = Array.from({ length: 61 - earliest }, (_, index) => earliest + index)
    expect(earliest).toBe(7)
    expect(historyOf(records)).toEqual([
      {
        from: 1,
        to: earliest - 1,
        count: earliest - 1,
        streams: [
          ['even', 1, Math.floor((earliest - 1) / 2)],
          ['odd', 1, Math.ceil((earliest - 1) / 2)],
        ],
      },
      ...rest,
    ])
    await expectSameAfterImport([records])
    await store.close()
  })

  it('tells what is removed at the end of the journal', async () => {
    const store = await openStore(memoryDisk())
    await append(store, event('kept'), event('gone'), event('gone'))
    await store.retain({ streams: [{ stream: 'gone', before: 'all' }] }, { dryRun: false })
    const pages = await pagesOf(store.dump())
    expect(historyOf(pages.flat())).toEqual([1, { from: 2, to: 3, count: 2, streams: [['gone', 1, 2]] }])
    await expectSameAfterImport(pages)
    await store.close()
  })

  it('tells the removal of very many streams in pieces', async () => {
    const store = await openStore(memoryDisk(), 1_048_576)
    const streams = 45_000
    for (let from = 0; from < streams; from += 9_000) {
      const events = Array.from({ length: 9_000 }, (_, index) => event(`stream ${from + index}`, [], ''))
      await store.append({ events, durability: 'sync' })
    }
    await append(store, event('kept'))
    await store.retain({ segmentsMax: 1 }, { dryRun: false })
    const pages = await pagesOf(store.dump())
    const history = historyOf(pages.flat())
    const removed = history.filter((item) => typeof item !== 'number')
    expect(history.filter((item) => typeof item === 'number')).toEqual([streams + 1])
    expect(removed.reduce((sum, { count }) => sum + count, 0)).toBe(streams)
    expect(new Set(removed.flatMap((item) => item.streams.map(([stream]) => stream))).size).toBe(streams)
    await store.close()
  })

  it('says so when the tables of the state are damaged', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    await append(store, ...Array.from({ length: 40 }, (_, index) => event(`${index}`)))
    const { digest } = await store.stageBlob(Buffer.from('content'))
    await append(store, event('b', [digest]), ...Array.from({ length: 40 }, (_, index) => event(`${index}`)))
    await store.close()
    const opened = await openStore(disk)
    for (const name of await listNames(disk, folders.state)) {
      const path = `${folders.state}/${name}`
      if (!name.includes('manifest')) await putFile(disk, path, flipped(await bytesOf(disk, path), 20, 0))
    }
    await expect(pagesOf(opened.dump())).rejects.toMatchObject({ code: 'DAMAGED' })
    await opened.close()
    const again = await openStore(disk)
    expect(historyOf((await pagesOf(again.dump())).flat())).toHaveLength(81)
    await again.close()
  })
})
