import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Directories } from '../disks/directories.ts'
import type { Disk } from '../disks/disk.ts'
import { nodeDisk } from '../disks/node-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { assert } from '../errors.ts'
import { openDirectory } from '../open-directory.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { Batch, Receipt } from '../stores/store.ts'
import { type Failpoint, failpointDisk } from '../testing/failpoint-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { prng } from '../testing/prng.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { verifyDirectory } from './verify.ts'

let directory: string
let journal: string
let target: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-backup-'))
  journal = join(directory, 'journal')
  target = join(directory, 'copy')
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

const large = Buffer.from(Uint8Array.from({ length: 300_000 }, byteOf(1)))

function byteOf(seed: number): () => number {
  const chance = prng(seed)
  return () => chance.below(256)
}

function openSmall(): Promise<FileStore> {
  return openDirectory(journal, { segmentBytes: 8_192 })
}

function append(store: FileStore, text: string, rest: Partial<Batch> = {}): Promise<Receipt> {
  const event = { stream: 's', type: 't', version: 1, data: JSON.stringify(text) }
  return store.append({ events: [event], durability: 'sync', ...rest })
}

async function fill(store: FileStore): Promise<void> {
  for (let index = 0; index < 40; index++) await append(store, `${index}: ${'x'.repeat(1_000)}`)
  for (const content of [Buffer.from('small'), large]) {
    const { digest } = await store.stageBlob(content)
    const event = { stream: 'b', type: 't', version: 1, data: 'null', blobs: [digest] }
    await store.append({ events: [event], durability: 'sync' })
  }
}

async function eventsOf(store: FileStore): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) events.push(...page)
  return events
}

async function contentIn(store: FileStore, digest: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.readBlob(digest)) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: { readonly code?: unknown }) => error.code,
  )
}

describe('backup', () => {
  it('of a journal that was taken over has nothing to find, and goes on behind its fence', async () => {
    const stopped = await openSmall()
    await append(stopped, 'before')
    const store = await openDirectory(journal, { segmentBytes: 8_192, takeover: true })
    await stopped.close()
    await append(store, 'behind')
    await store.backup(target, {})
    await store.close()
    const copy = await openDirectory(target, { create: 'never' })
    expect((await copy.verify({})).findings).toEqual([])
    expect(await eventsOf(copy)).toHaveLength(2)
    await copy.close()
    expect(await readdir(join(target, 'fences'))).toEqual(['00000002.json'])
  })

  it('is the same journal, and can be written', async () => {
    const store = await openSmall()
    await fill(store)
    await append(store, 'with a command', { command: { id: 'c', digest: 'd' }, agenda: [{ id: 'a', due: 5 }] })
    const progress: number[] = []
    await store.backup(target, { progress: ({ bytesDone, bytesTotal }) => progress.push(bytesDone / bytesTotal) })
    expect(progress.length).toBeGreaterThan(2)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
    expect(progress.at(-1)).toBe(1)
    expect((await readdir(target)).sort()).toEqual(['blobs', 'durable', 'fences', 'journal.json', 'segments'])
    expect(await readFile(join(target, 'journal.json'))).toEqual(await readFile(join(journal, 'journal.json')))

    const copy = await openDirectory(target, {})
    expect(copy.identity()).toEqual(store.identity())
    expect(await eventsOf(copy)).toEqual(await eventsOf(store))
    expect(copy.recovery.cutBytes).toBe(0)
    expect(await copy.agenda({})).toEqual(await store.agenda({}))
    expect(await copy.command('c')).toEqual(await store.command('c'))
    for (const event of await eventsOf(store)) {
      for (const digest of (event as { readonly blobs: readonly string[] }).blobs) {
        expect((await contentIn(copy, digest)).equals(await contentIn(store, digest))).toBe(true)
      }
    }
    await append(copy, 'goes on')
    await copy.close()
    await store.close()
  })

  it('shows all of it to whoever opens it for reading, also what no witness stands behind', async () => {
    const store = await openSmall()
    await append(store, 'first')
    await append(store, 'last')
    await store.backup(target, {})
    const copy = await openDirectory(target, { readOnly: true })
    expect(await eventsOf(copy)).toEqual(await eventsOf(store))
    await copy.close()
    await store.close()
  })

  it('is consistent while appends go on', async () => {
    const store = await openSmall()
    let isDone = false
    const writing = (async () => {
      for (let index = 0; !isDone; index++) {
        const event = { stream: 's', type: 't', version: 1, data: JSON.stringify(`${index} ${'x'.repeat(700)}`) }
        await store.append({ events: [event, event, event], durability: 'sync' })
      }
    })()
    await store.flush()
    for (const name of ['1', '2', '3']) {
      const before = store.head().position
      await store.backup(join(directory, name), {})
      const copy = await openDirectory(join(directory, name), {})
      const { position } = copy.head()
      expect(position).toBeGreaterThanOrEqual(before)
      expect(position % 3).toBe(0)
      expect(await eventsOf(copy)).toHaveLength(position)
      await copy.close()
    }
    isDone = true
    await writing
    await store.close()
  })

  it('has nothing that verification would find, also after a takeover', async () => {
    const stopped = await openSmall()
    await fill(stopped)
    const store = await openDirectory(journal, { takeover: true })
    await append(store, 'later')
    await store.backup(target, {})
    await store.close()
    await stopped.close().catch(() => undefined)
    expect((await verifyDirectory(nodeDisk(target), {})).findings).toEqual([])
  })

  it('goes only where nothing is', async () => {
    const store = await openSmall()
    await append(store, 'x')
    await mkdir(target)
    await writeFile(join(target, 'something'), 'x')
    expect(await codeOf(store.backup(target, {}))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(store.backup(join(target, 'something'), {}))).toBe('TARGET_IS_FILE')
    expect(await codeOf(store.backup(join(target, 'something', 'below'), {}))).toBe('TARGET_IS_FILE')
    expect(await codeOf(store.backup(join(target, 'missing', 'below'), {}))).toBe('INVALID_ARGUMENT')
    await rm(join(target, 'something'))
    await store.backup(target, {})
    expect(await codeOf(store.backup(target, {}))).toBe('TARGET_NOT_EMPTY')
    expect((await readdir(directory)).sort()).toEqual(['copy', 'journal'])
    await store.close()
  })

  it('leaves nothing when it is stopped', async () => {
    const store = await openSmall()
    await fill(store)
    const stopping = new AbortController()
    const work = { signal: stopping.signal, progress: () => stopping.abort() }
    expect(await codeOf(store.backup(target, work))).toBe('ABORTED')
    expect(await readdir(directory)).toEqual(['journal'])
    await store.close()
  })

  it.each(['segments', 'blobs'])('refuses to copy damage in %s, and leaves nothing', async (folder) => {
    const store = await openSmall()
    await fill(store)
    const path = await someFile(join(journal, folder))
    const content = await readFile(path)
    content[2_000] = (content[2_000] ?? 0) ^ 1
    await writeFile(path, content)
    expect(await codeOf(store.backup(target, {}))).toBe('DAMAGED')
    expect(await readdir(directory)).toEqual(['journal'])
    await store.close()
  })

  it.each<readonly [what: string, kind: string, change: (content: Buffer) => Buffer]>([
    ['a segment that ends within a line', 'line-incomplete', (content) => content.subarray(0, content.length - 10)],
    ['a line that links to another than the one before it', 'line-link', (content) => withOtherLink(content, 3)],
    ['a header that is not the one it was sealed with', 'segment-digest', (content) => withOtherLink(content, 0)],
  ])('refuses to copy %s, and leaves nothing', async (_what, kind, change) => {
    const store = await openSmall()
    await fill(store)
    const path = await someFile(join(journal, 'segments'))
    await writeFile(path, change(await readFile(path)))
    const file = `segments/${basename(path)}`
    await expect(store.backup(target, {})).rejects.toMatchObject({ code: 'DAMAGED', details: { file, kind } })
    expect(await readdir(directory)).toEqual(['journal'])
    await store.close()
  })

  it('of a journal whose rewrite was cut off waits until it is finished', async () => {
    const { disk } = await killedBeforeNaming()
    const copies: Disk[] = []
    let discarded = 0
    const directories: Directories = {
      begin: async () => {
        const copy = new SimulatedDisk().disk
        const discard = async () => {
          discarded++
        }
        return { disk: copy, commit: async () => void copies.push(copy), discard }
      },
    }
    const options = { disk, clock: fakeClock(), random: seededRandom(1), process, directories }
    const reader = await openFileStore({ ...options, readOnly: true })
    expect(await codeOf(reader.backup('copy', {}))).toBe('LOCKED')
    expect([copies.length, discarded]).toEqual([0, 1])
    const before = await eventsOf(reader)
    await reader.close()

    const writer = await openFileStore(options)
    await writer.backup('copy', {})
    await writer.close()
    const [copy] = copies
    assert(copy !== undefined, 'the backup was finished')
    expect((await verifyDirectory(copy, {})).findings).toEqual([])
    const opened = await openFileStore({ ...options, disk: copy })
    expect(await eventsOf(opened)).toEqual(before)
    await opened.close()
  })

  it('clears what an earlier one left when it was cut off', async () => {
    const store = await openSmall()
    await fill(store)
    await mkdir(join(`${target}.backup-part`, 'segments'), { recursive: true })
    await writeFile(join(`${target}.backup-part`, 'segments', 'old'), 'x')
    await store.backup(target, {})
    expect(await readdir(join(target, 'segments'))).toEqual(
      (await readdir(join(journal, 'segments'))).filter((name) => name.endsWith('.jsonl')),
    )
    await store.close()
  })
})

const process = { pid: 1, host: 'test' }

/** The process dies in a retention, when the log says that a segment is rewritten and the file doesn't have its name yet. */
async function killedBeforeNaming(): Promise<SimulatedDisk> {
  const simulated = new SimulatedDisk()
  const point: Failpoint = {
    name: 'rewrite journaled and shown, its file not named',
    when: 'before',
    at: ({ op, path, made, phase }) =>
      op === 'rename' && /^segments\//.test(path) && made === 'write' && phase === 'open',
    holds: 'the next opening for writing puts the file in its place',
  }
  let left: SimulatedDisk | undefined
  const die = (): void => {
    left = simulated.crash({ seed: 1, model: 'process' })
    throw new Error('killed')
  }
  const { disk } = failpointDisk(simulated.disk, { point, hit: 1, die })
  const store = await openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096 })
  await fill(store)
  await store.retain({ streams: [{ stream: 's', before: 9 }] }, { dryRun: false }).catch(() => undefined)
  assert(left !== undefined, 'the point was reached')
  return left
}

/** The digits that link a line to the one before it are other ones; no checksum covers them. */
function withOtherLink(content: Buffer, line: number): Buffer {
  let end = content.indexOf('\n')
  for (let at = 0; at < line; at++) end = content.indexOf('\n', end + 1)
  const digit = end - '00000000"}'.length
  content[digit] = content[digit] === 0x31 ? 0x32 : 0x31
  return content
}

/** A file below the directory, the first in name order. */
async function someFile(path: string): Promise<string> {
  const [first] = (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
  if (first === undefined) throw new Error(`${path} is empty`)
  const inside = join(path, first.name)
  return first.isDirectory() ? someFile(inside) : inside
}
