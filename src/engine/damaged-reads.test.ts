// What reads say of a log whose files changed under an open journal: DAMAGED, and never something else's events.

import { describe, expect, it } from 'vitest'
import { lineEnd, relink } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { contentOf } from '../disks/file-content.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { writeFully } from '../disks/whole-io.ts'
import { assert } from '../errors.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedControl, forgedJournal } from '../testing/forged-log.ts'
import { diskOf } from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { segmentName, segmentPath } from './layout.ts'

function open(disk: Disk): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096 })
}

async function fill(store: FileStore, count: number): Promise<void> {
  const data = JSON.stringify('x'.repeat(300))
  for (let n = 0; n < count; n++)
    await store.append({
      events: [{ stream: n % 2 === 0 ? 'a' : 'b', type: 't', version: 1, data }],
      durability: 'sync',
    })
}

const first = segmentPath(segmentName(1, 0))

async function bytesOf(disk: Disk, path: string): Promise<Buffer> {
  const content = await contentOf(disk, path)
  assert(content !== undefined, 'the file is there')
  return Buffer.from(content)
}

async function overwrite(disk: Disk, path: string, change: (content: Buffer) => Buffer): Promise<void> {
  const content = change(await bytesOf(disk, path))
  const file = await disk.open(path, { mode: 'write', create: 'maybe' })
  await writeFully(file, content, 0)
  await file.truncate(content.length)
  await file.close()
}

/** One character of the payload of the fourth event changed; the checksum was not. */
function bitChanged(content: Buffer): Buffer {
  let at = 0
  for (let n = 0; n < 4; n++) at = content.indexOf('xxxx', content.indexOf('\n', at)) + 1
  content[at] = 0x79
  return content
}

/** Without the last third, and within a line. */
function cut(content: Buffer): Buffer {
  return content.subarray(0, Math.floor((content.length * 2) / 3))
}

const reads = [
  { what: 'a stream', select: { kind: 'stream', stream: 'b' }, direction: 'forward' },
  { what: 'a stream backward', select: { kind: 'stream', stream: 'b' }, direction: 'backward' },
  { what: 'everything', select: { kind: 'all' }, direction: 'forward' },
  { what: 'everything backward', select: { kind: 'all' }, direction: 'backward' },
] as const

const changes = [
  { change: 'a changed byte', make: bitChanged },
  { change: 'a lost end', make: cut },
]

const places = [
  { where: 'the active segment', count: 6 },
  { where: 'a sealed segment', count: 30 },
]

describe.each(places)('in $where', ({ count }) => {
  describe.each(changes)('$change', ({ make }) => {
    it.each(reads)('is told as damage to whoever reads $what', async ({ select, direction }) => {
      const disk = memoryDisk()
      const store = await open(disk)
      await fill(store, count)
      await overwrite(disk, first, make)
      const reading = (async () => {
        for await (const page of store.read({ select, direction })) expect(page.length).toBeGreaterThan(0)
      })()
      await expect(reading).rejects.toMatchObject({ code: 'DAMAGED', details: { file: first } })
      await store.close().catch(() => undefined)
    })

    it('is told as damage to whoever exports, backs up or rewrites', async () => {
      const disk = memoryDisk()
      const store = await open(disk)
      await fill(store, count)
      await overwrite(disk, first, make)
      const dumping = (async () => {
        for await (const page of store.dump()) expect(page.length).toBeGreaterThan(0)
      })()
      await expect(dumping).rejects.toMatchObject({ code: 'DAMAGED' })
      const removal = { streams: [{ stream: 'b', before: 'all' }] } as const
      await expect(store.retain(removal, { dryRun: false })).rejects.toMatchObject({ code: 'DAMAGED' })
      await store.close().catch(() => undefined)
    })
  })
})

describe('a changed byte in the last line, behind which no line links to it,', () => {
  it.each([
    ['the active segment', 6, reads[2]],
    ['the active segment', 6, reads[3]],
    ['a sealed segment', 30, reads[2]],
    ['a sealed segment', 30, reads[3]],
  ] as const)('of %s (of %d events) is told as damage: reading %o', async (_where, count, query) => {
    const disk = memoryDisk()
    const store = await open(disk)
    await fill(store, count)
    await overwrite(disk, first, (content) => changedAt(content, content.lastIndexOf('xxxx')))
    const reading = (async () => {
      for await (const page of store.read(query)) expect(page.length).toBeGreaterThan(0)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'DAMAGED', details: { kind: 'line-checksum', file: first } })
    await store.close().catch(() => undefined)
  })
})

describe('a line that links to another than the one before it', () => {
  it.each([reads[2], reads[3]])('is told as damage to whoever reads $what', async ({ select, direction }) => {
    const disk = memoryDisk()
    const store = await open(disk)
    await fill(store, 30)
    await overwrite(disk, first, withoutThirdLine)
    const reading = (async () => {
      for await (const page of store.read({ select, direction })) expect(page.length).toBeGreaterThan(0)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'DAMAGED' })
    const dumping = (async () => {
      for await (const page of store.dump()) expect(page.length).toBeGreaterThan(0)
    })()
    await expect(dumping).rejects.toMatchObject({ code: 'DAMAGED', details: { kind: 'line-link' } })
    await store.close()
  })
})

function withoutThirdLine(content: Buffer): Buffer {
  let start = 0
  for (let n = 0; n < 2; n++) start = content.indexOf('\n', start) + 1
  return Buffer.concat([content.subarray(0, start), content.subarray(content.indexOf('\n', start) + 1)])
}

describe('opening', () => {
  it('refuses a copy of the first segment that calls itself the second', async () => {
    const disk = memoryDisk()
    const store = await open(disk)
    await fill(store, 2)
    await store.close()
    const content = await bytesOf(disk, first)
    const copy = await disk.open(segmentPath(segmentName(1, 1)), { mode: 'write', create: 'exclusive' })
    await writeFully(copy, content, 0)
    await copy.close()
    await expect(open(disk)).rejects.toMatchObject({ code: 'DAMAGED' })
  })

  it('refuses a segment of another journal in the place of its own', async () => {
    const [disk, other] = [memoryDisk(), memoryDisk()]
    const store = await open(disk)
    await fill(store, 2)
    await store.close()
    const process = { pid: 1, host: 'test' }
    const foreign = await openFileStore({ disk: other, clock: fakeClock(), random: seededRandom(2), process })
    await foreign.close()
    const content = await bytesOf(other, first)
    await overwrite(disk, first, () => content)
    await expect(open(disk)).rejects.toMatchObject({ code: 'DAMAGED', details: { kind: 'segment-foreign' } })
  })
})

describe('the record of a blob in the log', () => {
  /** A journal opened anew, so that the content is only in the log. */
  async function withBlob() {
    const disk = memoryDisk()
    const first = await open(disk)
    const { digest } = await first.stageBlob(Buffer.alloc(600, 7))
    await first.append({
      events: [{ stream: 'b', type: 't', version: 1, data: '1', blobs: [digest] }],
      durability: 'sync',
    })
    await first.close()
    return { disk, digest, store: await open(disk) }
  }

  async function read(store: FileStore, digest: string): Promise<Buffer> {
    const pieces: Uint8Array[] = []
    for await (const piece of store.readBlob(digest)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  it('is read back as what was put', async () => {
    const { digest, store } = await withBlob()
    expect(await read(store, digest)).toEqual(Buffer.alloc(600, 7))
    await store.close()
  })

  it.each([
    { what: 'changed', change: (content: Buffer) => changedAt(content, content.indexOf('BwcH')) },
    { what: 'cut off', change: (content: Buffer) => content.subarray(0, content.indexOf('BwcH')) },
    { what: 'moved', change: (content: Buffer) => Buffer.concat([Buffer.from('{}\n'), content]) },
  ])('is damage when it is $what', async ({ change }) => {
    const { disk, digest, store } = await withBlob()
    await overwrite(disk, first, change)
    await expect(read(store, digest)).rejects.toMatchObject({ code: 'DAMAGED', details: { file: first } })
    await store.close().catch(() => undefined)
  })
})

function changedAt(content: Buffer, at: number): Buffer {
  content[at] = 0x43
  return content
}

describe('a line that matches its checksum and is no JSON', () => {
  const witness = forgedControl({ control: 'witness', time: 5 })

  it.each([
    ['an event', '{"position":oops'],
    ['an event with a place', '{"position":1,"stream":"s","seq":1,"time":5,"type":"t","data":oops'],
    ['a control record', '{"control":oops'],
    ['an event whose type is no text', '{"position":1,"stream":"s","seq":1,"time":5,"type":"\\q","data":1'],
  ])('is told as damage by opening or reading: %s', async (_what, body) => {
    const sealed = forgedJournal([{ lines: [witness, body, witness] }, { lines: [witness] }])
    const newest = forgedJournal([{ lines: [witness, body, witness] }])
    for (const files of [sealed, newest]) {
      const reading = (async () => {
        const store = await open(await diskOf(files))
        try {
          for await (const _page of store.read({ select: { kind: 'all' }, direction: 'forward' }));
        } finally {
          await store.close()
        }
      })()
      await expect(reading).rejects.toMatchObject({ code: 'DAMAGED' })
    }
  })
})

describe('a line that is sound and does not follow the one before it', () => {
  it.each(['forward', 'backward'] as const)('is told as damage by who reads %s', async (direction) => {
    const disk = memoryDisk()
    const store = await open(disk)
    await fill(store, 25)
    await overwrite(disk, first, (content) => {
      const end = lineEnd(content, lineEnd(content, lineEnd(content, 0) + 1) + 1)
      relink(content, end, 7)
      return content
    })
    const reading = (async () => {
      for await (const _page of store.read({ select: { kind: 'all' }, direction }));
    })()
    await expect(reading).rejects.toMatchObject({ code: 'DAMAGED', details: { kind: 'line-link' } })
    await store.close()
  })
})
