import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { importJournal, openImported } from '../../src/import.ts'
import { createJournal } from '../../src/journal.ts'
import { openDirectory } from '../../src/open-directory.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { ImportFile } from '../../src/transfer/import-file.ts'
import { append, event, exportOf, fill, inPieces, memoryScene, readAll, recordLines, seen, trim } from './scene.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-transfer-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

const segmentBytes = 4_096
const clock = () => fakeClock(1_700_000_100_000)

async function intoDirectory(exported: Buffer, name: string): Promise<Store> {
  await importJournal(inPieces(exported), join(directory, name), { segmentBytes, clock: clock() })
  return openDirectory(join(directory, name), { segmentBytes, clock: clock() })
}

async function intoMemory(exported: Buffer): Promise<Store> {
  const file = new ImportFile(inPieces(exported))
  const { journal } = await file.header()
  const store = memoryStore({ clock: clock(), random: seededRandom(2), journalId: journal })
  await store.load(file.records())
  return store
}

describe('a journal that goes through exports', () => {
  it('is the same in memory, in a directory, in memory again and in a directory again', async () => {
    const { store, clock } = memoryScene()
    await fill(store, clock)
    await trim(store, clock)
    const first = await exportOf(store)
    const before = await seen(store)
    let exported = first
    const epochs = new Set([store.identity().epoch])
    for (const step of ['file', 'memory', 'file again']) {
      const next = step === 'memory' ? await intoMemory(exported) : await intoDirectory(exported, step)
      expect(await seen(next), step).toEqual(before)
      expect(next.identity().journalId).toBe(store.identity().journalId)
      epochs.add(next.identity().epoch)
      exported = await exportOf(next)
      expect(recordLines(exported), step).toEqual(recordLines(first))
      const report = await next.verify({})
      expect(report.findings).toEqual([])
      await next.close()
    }
    expect(epochs.size).toBe(4)
  })

  it('goes on where it was', async () => {
    const { store, clock } = memoryScene()
    await fill(store, clock)
    await trim(store, clock)
    const { position } = store.head()
    const exported = await exportOf(store)
    for (const next of [await intoMemory(exported), await intoDirectory(exported, 'j')]) {
      const receipt = await append(next, [event('gone', 4), event('a', 9), event('new')])
      expect(receipt.events).toEqual([
        { stream: 'gone', seq: 4, position: position + 1 },
        { stream: 'a', seq: 4, position: position + 2 },
        { stream: 'new', seq: 1, position: position + 3 },
      ])
      const repeated = await append(next, [event('a')], { command: { id: 'order-17', digest: 'b'.repeat(64) } })
      expect(repeated).toMatchObject({ duplicate: true })
      await expect(
        append(next, [], { leases: [{ lease: 'l', op: 'renew', token: 1, ttlMs: 9 }] }),
      ).resolves.toBeDefined()
      await next.close()
    }
    const again = await openDirectory(join(directory, 'j'), { segmentBytes })
    expect(await readAll(again, { kind: 'stream', stream: 'gone' })).toMatchObject([
      { removed: { from: 1, to: 3 } },
      { seq: 4 },
    ])
    await again.close()
  })

  it('is the same when it was trimmed in a directory, before and after its segments are rewritten', async () => {
    const clock = fakeClock()
    const random = seededRandom(1)
    const path = join(directory, 'source')
    const store = await openDirectory(path, { segmentBytes, clock, random })
    await fill(store, clock)
    for (let index = 0; index < 20; index++) await append(store, [event('front', 'x'.repeat(900))])
    await trim(store, clock)
    await store.retain({ streams: [{ stream: 'front', before: 9 }] }, { dryRun: false })
    const exported = await exportOf(store)
    const before = await seen(store)
    const memory = await intoMemory(exported)
    const copy = await intoDirectory(exported, 'copy')
    expect(await seen(memory)).toEqual(before)
    expect(await seen(copy)).toEqual(before)
    expect(recordLines(await exportOf(memory))).toEqual(recordLines(exported))
    expect(recordLines(await exportOf(copy))).toEqual(recordLines(exported))
    await copy.close()
    // Folded from the log alone, the imported journal is still the same.
    await rm(join(directory, 'copy', 'state'), { recursive: true })
    await rm(join(directory, 'copy', 'index'), { recursive: true })
    const folded = await openDirectory(join(directory, 'copy'), { segmentBytes, clock })
    expect(await seen(folded)).toEqual(before)
    await folded.close()
    await store.close()
  })

  it('may be empty', async () => {
    const { store } = memoryScene()
    const exported = await exportOf(store)
    expect(exported.toString().split('\n')).toHaveLength(3)
    const next = await intoDirectory(exported, 'empty')
    expect(await append(next, [event('a')])).toMatchObject({ position: 1, seq: 1 })
    await next.close()
  })

  it('is the same whatever was done with it', async () => {
    const stream = fc.constantFrom('a', 'b', 'b/c', 'd')
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('append' as const),
          streams: fc.array(stream, { minLength: 1, maxLength: 4 }),
        }),
      },
      fc.record({ do: fc.constant('blob' as const), stream, bytes: fc.constantFrom(0, 1, 4_096, 4_097, 40_000) }),
      fc.record({ do: fc.constant('truncate' as const), stream, before: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ do: fc.constant('delete' as const), stream }),
      fc.record({ do: fc.constant('cut' as const), bytes: fc.integer({ min: 100, max: 1_500 }) }),
    )
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { store, clock } = memoryScene()
        for (const one of steps) {
          clock.advance(10)
          if (one.do === 'append')
            await append(
              store,
              one.streams.map((name) => event(name, 'y'.repeat(50))),
            )
          else if (one.do === 'blob') {
            const { digest } = await store.stageBlob(Buffer.alloc(one.bytes, one.stream))
            await append(store, [event(one.stream, 1, [digest])])
          } else if (one.do === 'cut') await store.retain({ bytesMax: one.bytes }, { dryRun: false })
          else {
            const before = one.do === 'delete' ? 'all' : one.before
            await store.retain({ streams: [{ stream: one.stream, before }] }, { dryRun: false })
          }
        }
        const before = await seen(store)
        const exported = await exportOf(store)
        const name = `property-${round++}`
        const file = await intoDirectory(exported, name)
        const memory = await intoMemory(await exportOf(file))
        expect(await seen(file)).toEqual(before)
        expect(await seen(memory)).toEqual(before)
        expect(recordLines(await exportOf(memory))).toEqual(recordLines(exported))
        for (const prefix of ['b', 'd']) {
          const told = await readAll(store, { kind: 'prefix', prefix })
          expect(await readAll(memory, { kind: 'prefix', prefix })).toEqual(told)
          // Stores may tell a run of removed positions as far as matching streams reach, or as a whole.
          const others = await readAll(file, { kind: 'prefix', prefix })
          expect(others.filter((item) => !('removed' in item))).toEqual(told.filter((item) => !('removed' in item)))
          expect(others.some((item) => 'removed' in item)).toBe(told.some((item) => 'removed' in item))
        }
        expect((await file.verify({})).findings).toEqual([])
        await file.close()
        await rm(join(directory, name), { recursive: true })
      }),
      { numRuns: 60 },
    )
  })
})

describe('an export', () => {
  it('is as of its beginning while appends go on, also on a directory', async () => {
    const store = await openDirectory(join(directory, 'busy'), { segmentBytes })
    for (let index = 0; index < 50; index++) await append(store, [event(`s${index % 5}`, 'z'.repeat(500))])
    let isDone = false
    let appended = 0
    const appending = (async () => {
      while (!isDone) {
        const command = { id: `c${appended}`, digest: String(appended).padStart(64, '0') }
        await append(store, [event('s1', 'more'), event('other')], { command })
        appended++
      }
    })()
    const exported = await exportOf(store)
    isDone = true
    await appending
    const memory = await intoMemory(exported)
    const { position } = memory.head()
    expect(position).toBeGreaterThanOrEqual(50)
    // Every command of the export has its events in it, and every batch is whole.
    const all = (await readAll(memory, { kind: 'all' })) as readonly { readonly more: boolean }[]
    expect(all.at(-1)?.more).toBe(false)
    for (let index = 0; index < appended; index++) {
      const receipt = await memory.command(`c${index}`)
      expect(receipt === undefined).toBe(50 + 2 * (index + 1) > position)
    }
    await store.close()
  })

  it('works beside a writer, for reading only', async () => {
    const path = join(directory, 'shared')
    const writer = await openDirectory(path, { segmentBytes })
    await append(writer, [event('a', 1)])
    await writer.flush()
    const reader = await openDirectory(path, { readOnly: true })
    await append(writer, [event('a', 2)])
    const memory = await intoMemory(await exportOf(reader))
    expect(memory.head().position).toBeGreaterThanOrEqual(1)
    await reader.close()
    await writer.close()
  })

  it('to a path is whole or not there, and refuses to replace', async () => {
    const { store, clock } = memoryScene()
    await fill(store, clock)
    const journal = await openImported(inPieces(await exportOf(store)), { clock })
    const path = join(directory, 'ex:port.jsonl')
    const told: number[] = []
    const report = await journal.export(path, { progress: ({ bytes }) => told.push(bytes) })
    const bytes = await readFile(path)
    expect(report).toMatchObject({ bytes: bytes.length, events: 14, blobs: 2 })
    expect(report.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(told.at(-1)).toBe(report.bytes)
    await expect(journal.export(path)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    await journal.export(path, { overwrite: true })
    const controller = new AbortController()
    const stopped = journal.export(join(directory, 'stopped'), {
      signal: controller.signal,
      progress: () => controller.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(journal.export(join(directory, 'no', 'where'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(journal.export(directory, { overwrite: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await readdir(directory)).toEqual(['ex:port.jsonl'])
    const again = await openImported(path)
    expect(await again.read().toArray()).toEqual(await journal.read().toArray())
    await journal.close()
    await expect(journal.export(join(directory, 'late'))).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await readdir(directory)).toEqual(['ex:port.jsonl'])
  })

  it('can be piped, and tells the stream when it fails', async () => {
    const { store } = memoryScene()
    await append(store, [event('a')])
    const journal = createJournal(store)
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const [imported] = await Promise.all([openImported(readable), journal.export(writable)])
    expect(await imported.head()).toMatchObject({ position: 1 })
    const failing = journal.export(() => {
      throw new Error('sink')
    })
    await expect(failing).rejects.toThrow('sink')
    let reason: unknown
    const aborted = new WritableStream<Uint8Array>({
      write: () => Promise.reject(new Error('full')),
      abort: (why) => {
        reason = why
      },
    })
    await expect(journal.export(aborted)).rejects.toThrow('full')
    expect(reason).toBeUndefined() // a stream that failed by itself is not told
    await expect(journal.export(7 as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(journal.export(join(directory, 'x'))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('of a directory ends when the journal closes, and lets retention go on afterwards', async () => {
    const store = await openDirectory(join(directory, 'closing'), { segmentBytes })
    for (let index = 0; index < 30; index++) await append(store, [event('s', 'z'.repeat(500))])
    const pages = store.dump()[Symbol.asyncIterator]()
    await pages.next()
    const retained = store.retain({ streams: [{ stream: 's', before: 5 }] }, { dryRun: false })
    await pages.return?.()
    expect(await retained).toMatchObject({ events: 4 })
    const others = store.dump()[Symbol.asyncIterator]()
    await others.next()
    await store.close()
    await expect(others.next()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
