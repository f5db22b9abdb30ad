import { describe, expect, it } from 'vitest'
import { lineBytesMax, tailBytes, writeLine } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { contentOf, writeText } from '../disks/file-content.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { writeFully } from '../disks/whole-io.ts'
import { limits } from '../limits.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { Batch, Receipt } from '../stores/store.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { prng } from '../testing/prng.ts'
import { bytesOf, diskOf, filesOf, putFile } from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { sha256 } from './chunk-files.ts'
import { Chunker } from './chunker.ts'
import { blobPath, folders } from './layout.ts'
import { stateKeys } from './state-keys.ts'
import { TableSet } from './tables/table-set.ts'
import { listNames } from './whole-file.ts'

function openStore(disk: Disk, segmentBytes?: number): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes })
}

function randomBytes(seed: number, length: number): Buffer {
  const chance = prng(seed)
  return Buffer.from(Uint8Array.from({ length }, () => chance.below(256)))
}

function append(store: FileStore, blobs: readonly string[], rest: Partial<Batch> = {}): Promise<Receipt> {
  const event = { stream: 's', type: 't', version: 1, data: 'null', blobs }
  return store.append({ events: [event], durability: 'sync', ...rest })
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

async function chunkFiles(disk: Disk): Promise<string[]> {
  const paths: string[] = []
  for (const folder of await listNames(disk, 'blobs')) {
    for (const name of await listNames(disk, `blobs/${folder}`)) paths.push(`blobs/${folder}/${name}`)
  }
  return paths.sort()
}

async function* inPieces(content: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += bytes) yield content.subarray(at, at + bytes)
}

const large = randomBytes(1, 400_000)

describe('blobs', () => {
  it.each([0, 1, limits.blobInlineBytesMax, limits.blobInlineBytesMax + 1, large.length])(
    'of %i bytes can be read when staged, when appended and after opening anew',
    async (bytes) => {
      const disk = memoryDisk()
      const content = large.subarray(0, bytes)
      let store = await openStore(disk)
      const staged = await store.stageBlob(content)
      expect(staged).toMatchObject({ digest: sha256(content), bytes })
      expect((await contentIn(store, staged.digest)).equals(content)).toBe(true)
      await append(store, [staged.digest])
      expect((await contentIn(store, staged.digest)).equals(content)).toBe(true)
      await store.close()
      store = await openStore(disk)
      expect(await store.blob(staged.digest)).toEqual({ digest: staged.digest, bytes })
      expect((await contentIn(store, staged.digest)).equals(content)).toBe(true)
      await store.close()
    },
  )

  it('are the same however their content arrives', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(large)
    const files = await chunkFiles(disk)
    for (const bytes of [1_000, 70_000]) {
      expect(await store.stageBlob(inPieces(large, bytes))).toMatchObject({ digest, bytes: large.length })
    }
    expect(await chunkFiles(disk)).toEqual(files)
    await store.close()
  })

  it('keep what was staged when the caller goes on using its buffer', async () => {
    const store = await openStore(memoryDisk())
    const own = Buffer.from('small content')
    const staging = store.stageBlob(own)
    const { digest } = await staging
    own.fill(0)
    expect((await contentIn(store, digest)).toString()).toBe('small content')
    await store.close()
  })

  it('refuse too much content and what is no content, and leave no claim', async () => {
    const store = await openStore(memoryDisk())
    const whole = new Uint8Array(limits.blobBytesMax)
    async function* tooMuch(): AsyncGenerator<Uint8Array> {
      yield large
      yield whole
    }
    expect(await codeOf(store.stageBlob(tooMuch()))).toBe('TOO_LARGE')
    expect(await codeOf(store.stageBlob(new Uint8Array(limits.blobBytesMax + 1)))).toBe('TOO_LARGE')
    async function* text(): AsyncGenerator<Uint8Array> {
      yield 'text' as unknown as Uint8Array
    }
    expect(await codeOf(store.stageBlob(text()))).toBe('INVALID_ARGUMENT')
    await store.close()
  })

  it('pass on what the source throws', async () => {
    const store = await openStore(memoryDisk())
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield large
      throw new Error('the source broke')
    }
    await expect(store.stageBlob(failing())).rejects.toThrow('the source broke')
    await store.close()
  })

  it('are unknown when nobody put them', async () => {
    const store = await openStore(memoryDisk())
    const digest = sha256(Buffer.from('unknown'))
    expect(await store.blob(digest)).toBeUndefined()
    expect(await codeOf(contentIn(store, digest))).toBe('BLOB_MISSING')
    expect(await codeOf(append(store, [digest]))).toBe('BLOB_MISSING')
    await store.close()
  })
})

describe('claims on blobs', () => {
  it('end one by one when they are given up', async () => {
    const store = await openStore(memoryDisk())
    const first = await store.stageBlob(Buffer.from('x'))
    const second = await store.stageBlob(Buffer.from('x'))
    first.release()
    first.release()
    expect(await store.blob(first.digest)).toBeDefined()
    second.release()
    expect(await store.blob(first.digest)).toBeUndefined()
    expect(await codeOf(append(store, [first.digest]))).toBe('BLOB_MISSING')
    await store.close()
  })

  it('stay when the append was refused, so that it can be tried again', async () => {
    const store = await openStore(memoryDisk())
    const { digest } = await store.stageBlob(Buffer.from('x'))
    expect(await codeOf(append(store, [digest], { expect: new Map([['s', 7]]) }))).toBe('SEQ_CONFLICT')
    await append(store, [digest])
    expect((await contentIn(store, digest)).toString()).toBe('x')
    await store.close()
  })

  it('let several appends name one staged blob', async () => {
    const store = await openStore(memoryDisk())
    const { digest } = await store.stageBlob(Buffer.from('x'))
    await Promise.all([append(store, [digest]), append(store, [digest]), append(store, [digest])])
    await append(store, [digest])
    expect((await contentIn(store, digest)).toString()).toBe('x')
    await store.close()
  })

  it('are ended once by a batch that names a blob in several events', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(large)
    await store.stageBlob(large)
    const event = { stream: 's', type: 't', version: 1, data: 'null', blobs: [digest] }
    await store.append({ events: [event, event], durability: 'sync' })
    const everything = { streams: [{ stream: 's', before: 'all' }] } as const
    // Both events go, and the claim of the second staging alone keeps the content, until an append ends that too.
    expect(await store.retain(everything, { dryRun: false })).toMatchObject({ events: 2, blobs: 0 })
    expect((await contentIn(store, digest)).equals(large)).toBe(true)
    await append(store, [digest])
    expect(await store.retain(everything, { dryRun: false })).toMatchObject({ events: 1, blobs: 1 })
    expect(await codeOf(contentIn(store, digest))).toBe('BLOB_MISSING')
    await store.close()
  })

  it('are limited by the memory that they take', async () => {
    const store = await openStore(memoryDisk())
    const staged = await store.stageBlob(Buffer.from('first'))
    let code: unknown = 'no error'
    for (let index = 0; code === 'no error'; index++) {
      const content = Buffer.alloc(limits.blobInlineBytesMax, String(index))
      code = await codeOf(store.stageBlob(content))
    }
    expect(code).toBe('QUEUE_FULL')
    await append(store, [staged.digest])
    await store.close()
  })
})

describe('chunk files', () => {
  it('are shared by contents that are alike', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    await store.stageBlob(large)
    const before = await chunkFiles(disk)
    await store.stageBlob(Buffer.concat([large, Buffer.from('appended')]))
    expect((await chunkFiles(disk)).length).toBeLessThanOrEqual(before.length + 1)
    await store.close()
  })

  it('do not collide when the same content is put several times at once', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const staged = await Promise.all(Array.from({ length: 8 }, () => store.stageBlob(inPieces(large, 30_000))))
    for (const { digest } of staged) expect((await contentIn(store, digest)).equals(large)).toBe(true)
    expect((await chunkFiles(disk)).filter((path) => path.endsWith('.part'))).toEqual([])
    await store.close()
  })

  it('that are damaged or missing are told, and mended by putting the content again', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(large)
    await append(store, [digest])
    const path = (await chunkFiles(disk))[0] ?? ''
    const damages: readonly [kind: string, () => Promise<void>][] = [
      ['blob-digest', () => flipByte(disk, path)],
      ['blob-digest', () => writeText(disk, path, 'short')],
      ['blob-missing', () => disk.remove(path)],
    ]
    for (const [kind, damage] of damages) {
      await damage()
      await expect(contentIn(store, digest)).rejects.toMatchObject({
        code: 'DAMAGED',
        details: { file: path, offset: 0, kind },
      })
      await store.stageBlob(large)
      expect((await contentIn(store, digest)).equals(large)).toBe(true)
    }
    await store.close()
  })

  it('are written once for content that repeats itself, also when it ends where a chunk does', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const content = Buffer.alloc(3 * limits.chunkBytesMax)
    const { digest } = await store.stageBlob(content)
    await append(store, [digest])
    expect(await chunkFiles(disk)).toEqual([blobPath(sha256(Buffer.alloc(limits.chunkBytesMax)))])
    expect((await contentIn(store, digest)).equals(content)).toBe(true)
    await store.close()
  })

  it('do not collide with the parts that a crash has left', async () => {
    const disk = memoryDisk()
    const path = blobPath(sha256(large.subarray(0, 10_000)))
    await putFile(disk, `${path}.1.part`, large.subarray(0, 5_000))
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(large.subarray(0, 10_000))
    await append(store, [digest])
    expect(await chunkFiles(disk)).toEqual([path, `${path}.1.part`])
    expect((await contentIn(store, digest)).equals(large.subarray(0, 10_000))).toBe(true)
    await store.retain({}, { dryRun: false })
    expect(await chunkFiles(disk)).toEqual([path])
    await store.close()
  })

  it('whose content ends before their size says are told', async () => {
    const inner = memoryDisk()
    let ends = Number.POSITIVE_INFINITY
    const disk = alteredDisk(inner, {
      async open(path, options) {
        const file = await inner.open(path, options)
        const read = (into: Uint8Array, at: number) =>
          file.read(path.startsWith('blobs/') ? into.subarray(0, Math.max(0, ends - at)) : into, at)
        return { ...file, read }
      },
    })
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(large.subarray(0, 10_000))
    await append(store, [digest])
    ends = 9_000
    await expect(contentIn(store, digest)).rejects.toMatchObject({ code: 'DAMAGED', details: { kind: 'blob-digest' } })
    await store.close()
  })

  it('that retention takes while they are read leave the reader with a blob that is missing, not with damage', async () => {
    const store = await openStore(memoryDisk())
    const { digest } = await store.stageBlob(large)
    await append(store, [digest])
    const reading = store.readBlob(digest)[Symbol.asyncIterator]()
    expect((await reading.next()).done).toBe(false)
    await store.retain({ streams: [{ stream: 's', before: 'all' }] }, { dryRun: false })
    await expect(reading.next()).rejects.toMatchObject({ code: 'BLOB_MISSING', details: { digest } })
    await store.close()
  })

  it.each([
    ['in another order', (chunks: Chunks) => chunks.toReversed()],
    ['without one of them', (chunks: Chunks) => chunks.slice(1)],
    ['with none', () => []],
  ])('that a record lists %s are told as damage', async (_what, change) => {
    const before = memoryDisk()
    const store = await openStore(before)
    const { digest } = await store.stageBlob(large)
    const files = [...(await filesOf(before))].filter(([path]) => path.startsWith('blobs/'))
    await store.close()
    const contents = new Map(files.map(([path, bytes]) => [path.slice('blobs/xx/'.length), bytes.length]))
    const sound: Chunks = [...new Chunker().push(large)].map((chunk) => [sha256(chunk), chunk.length])
    const last = [...contents].find(([name]) => !sound.some(([chunk]) => chunk === name))
    const chunks = change(last === undefined ? sound : [...sound, last])
    const record = forgedControl({ control: 'blob', digest, bytes: large.length, chunks })
    const forged = forgedJournal([{ lines: [record, forgedEvent(1, { blobs: [digest] })] }])
    const opened = await openStore(await diskOf(new Map([...forged, ...files])))
    const file = blobPath(chunks[0]?.[0] ?? digest)
    await expect(contentIn(opened, digest)).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { file, offset: 0, kind: 'blob-digest' },
    })
    await opened.close()
  })

  it('survive a power cut from the moment in which staging resolved', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const before = new SimulatedDisk()
      const store = await openStore(before.disk)
      // Both at once: one of the two finds chunks that the other has renamed but not yet synced.
      const [first] = await Promise.race([
        Promise.all([store.stageBlob(large)]),
        Promise.all([store.stageBlob(inPieces(large, 50_000))]),
      ])
      const after = before.crash({ seed, model: 'adversarial' }).disk
      let bytes = 0
      for (const path of await chunkFiles(after)) {
        if (path.endsWith('.part')) continue
        const content = await contentOf(after, path)
        expect(path).toBe(blobPath(sha256(content)))
        bytes += content.length
      }
      expect(bytes).toBe(first?.bytes)
    }
  })

  it('that can not be written are told with a code, and leave no claim behind', async () => {
    for (const [fault, code] of [
      ['ENOSPC', 'DISK_FULL'],
      ['EIO', 'IO'],
    ] as const) {
      for (const op of ['write', 'sync', 'rename', 'syncDirectory'] as const) {
        const inner = memoryDisk()
        await (await openStore(inner)).close()
        const only = (call: { readonly op: string; readonly path: string }) =>
          call.op === op && call.path.startsWith('blobs/')
        const disk = faultyDisk(inner, { at: 1, times: 'once', fault, only })
        const store = await openStore(disk)
        expect(await codeOf(store.stageBlob(large))).toBe(code)
        expect(await store.blob(sha256(large))).toBeUndefined()
        const { digest } = await store.stageBlob(large)
        await append(store, [digest])
        expect((await contentIn(store, digest)).equals(large)).toBe(true)
        await store.close()
      }
    }
  })
})

describe('content in the log', () => {
  it('that is damaged is told with its place', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(Buffer.from('small'))
    await append(store, [digest])
    const [name = ''] = await listNames(disk, 'segments')
    const path = `segments/${name}`
    const offset = Buffer.from(await contentOf(disk, path)).indexOf('{"control":"blob"')
    await flipByte(disk, path, offset + 120)
    await expect(contentIn(store, digest)).rejects.toMatchObject({ code: 'DAMAGED', details: { file: path, offset } })
    await store.close()
  })

  // Both records are of one length, and stand where retention and lookups are told to find them.
  it.each<readonly [what: string, kind: string, change: (content: Buffer, at: number, other: number) => Buffer]>([
    ['another blob', 'line-misplaced', (content, _at, other) => lineAt(content, other)],
    ['an event', 'line-misplaced', (content) => lineAt(content, content.indexOf('{"position":'))],
    ['the end of the file', 'line-checksum', (content, at) => Buffer.alloc(content.length - at)],
    ['other content in its name', 'blob-digest', (content, at) => withData(lineAt(content, at), Buffer.from('large'))],
    ['content of another length', 'blob-digest', (content, at) => withData(lineAt(content, at), Buffer.from('longer'))],
  ])('in whose place stands %s is told with its place', async (_what, kind, change) => {
    const disk = memoryDisk()
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(Buffer.from('small'))
    await append(store, [digest])
    await append(store, [(await store.stageBlob(Buffer.from('other'))).digest])
    const [name = ''] = await listNames(disk, 'segments')
    const path = `segments/${name}`
    const content = await bytesOf(disk, path)
    const [at, other] = [content.indexOf('{"control":"blob"'), content.lastIndexOf('{"control":"blob"')]
    const file = await disk.open(path, { mode: 'write' })
    await writeFully(file, change(content, at, other), at)
    await file.close()
    await expect(contentIn(store, digest)).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { file: path, offset: at, kind },
    })
    await store.close()
  })

  it('that the tables of the state place in no segment of the log is told as damage', async () => {
    const disk = memoryDisk()
    const store = await openStore(disk, 4_096)
    const { digest } = await store.stageBlob(Buffer.from('small'))
    for (let count = 0; count < 20; count++)
      await append(store, [digest], { agenda: [{ id: 'a'.repeat(300), due: count }] })
    await store.close()
    const tables = await TableSet.open(disk, { folder: folders.state, readOnly: false })
    await tables.flush([[stateKeys.blob(digest), JSON.stringify({ bytes: 5, at: [99, 0] })]], tables.note)
    await tables.close()
    const opened = await openStore(disk, 4_096)
    await expect(contentIn(opened, digest)).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { kind: 'blob-missing' },
    })
    await opened.close()
  })

  it('that retention takes while it can not be read is missing', async () => {
    let fails = false
    const only = ({ op, path }: { readonly op: string; readonly path: string }): boolean =>
      fails && op === 'read' && path.startsWith('segments/')
    const { disk, hold } = heldDisk(faultyDisk(memoryDisk(), { at: 1, times: 'once', fault: 'EIO', only }))
    const store = await openStore(disk)
    const { digest } = await store.stageBlob(Buffer.from('small'))
    await append(store, [digest])
    expect((await contentIn(store, digest)).toString()).toBe('small')
    const looking = hold('read', (path) => path.startsWith('segments/'))
    const reading = codeOf(contentIn(store, digest))
    await looking.reached
    await store.retain({ streams: [{ stream: 's', before: 'all' }] }, { dryRun: false })
    fails = true
    looking.release()
    expect(await reading).toBe('BLOB_MISSING')
    await store.close()
  })
})

type Chunks = readonly (readonly [digest: string, bytes: number])[]

function lineAt(content: Buffer, at: number): Buffer {
  return content.subarray(at, content.indexOf('\n', at) + 1)
}

/** A record's line with other content and a sound checksum. */
function withData(line: Buffer, data: Buffer): Buffer {
  const body = line.toString('utf8', 0, line.length - tailBytes - 1)
  const changed = body.replace(/"data":"[^"]*"/, `"data":"${data.toString('base64')}"`)
  const bytes = Buffer.alloc(lineBytesMax(changed))
  return bytes.subarray(0, writeLine(bytes, 0, changed, 0, 'link').end)
}

async function flipByte(disk: Disk, path: string, at: number = 10): Promise<void> {
  const file = await disk.open(path, { mode: 'write' })
  const byte = new Uint8Array(1)
  await file.read(byte, at)
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), at)
  await file.close()
}
