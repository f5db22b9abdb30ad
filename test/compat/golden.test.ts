// Files of every released format version open for ever (G11): test/golden/v1 was written by the release that introduced
// version 1 (scripts/make-golden.mjs), and is read here with what reading it must give.

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bodySum, hex8 } from '../../src/core/record.ts'
import { nodeDisk } from '../../src/disks/node-disk.ts'
import { verifyDirectory } from '../../src/engine/verify.ts'
import { isHoldfastError } from '../../src/errors.ts'
import { open } from '../../src/open.ts'
import { openDirectory } from '../../src/open-directory.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

const golden = fileURLToPath(new URL('../golden/v1', import.meta.url))
const later = 1_790_000_100_000

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-golden-'))
  await cp(join(golden, 'journal'), directory, { recursive: true })
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

/** As scripts/make-golden.mjs gathers it. */
async function readBack(store: FileStore, expected: Expected): Promise<Expected> {
  const events: unknown[] = []
  const removed: unknown[] = []
  const query = { select: { kind: 'all' }, direction: 'forward', withText: true, tellRemoved: true } as const
  for await (const page of store.read(query)) {
    for (const item of page) {
      if ('removed' in item) removed.push(item.removed)
      else events.push({ text: item.text, sum: item.sum, more: item.more })
    }
  }
  const streams: unknown[] = []
  for await (const page of store.streams({})) streams.push(...page)
  const commands: Record<string, unknown> = {}
  for (const id of Object.keys(expected.commands)) commands[id] = (await store.command(id)) ?? null
  const leases: Record<string, unknown> = {}
  for (const name of Object.keys(expected.leases)) leases[name] = await store.lease(name)
  const blobs: Record<string, unknown> = {}
  for (const digest of Object.keys(expected.blobs)) blobs[digest] = (await store.blob(digest))?.bytes
  return {
    identity: store.identity(),
    head: store.head(),
    agenda: await store.agenda({}),
    leases,
    pins: await store.pins(),
    streams,
    commands,
    blobs,
    removed,
    events,
  }
}

interface Expected {
  readonly identity: unknown
  readonly head: unknown
  readonly agenda: unknown
  readonly leases: Readonly<Record<string, unknown>>
  readonly pins: unknown
  readonly streams: readonly unknown[]
  readonly commands: Readonly<Record<string, unknown>>
  readonly blobs: Readonly<Record<string, unknown>>
  readonly removed: readonly unknown[]
  readonly events: readonly unknown[]
}

async function expectation(): Promise<Expected> {
  return JSON.parse(await readFile(join(golden, 'expected.json'), 'utf8')) as Expected
}

function openStore(): Promise<FileStore> {
  return openDirectory(directory, { clock: fakeClock(later), segmentBytes: 4096 })
}

async function filesUnder(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(join(directory, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    files.set(path, await readFile(path))
  }
  return files
}

describe('the golden journal of version 1', () => {
  it('gives every event and all state, with its caches and without', async () => {
    const expected = await expectation()
    const store = await openStore()
    expect(plain(await readBack(store, expected))).toEqual(expected)
    await store.close()
    for (const cache of ['index', 'state']) await rm(join(directory, cache), { recursive: true })
    const again = await openStore()
    expect(again.recovery.segmentsRead).toBeGreaterThan(1)
    expect(plain(await readBack(again, expected))).toEqual(expected)
    await again.close()
  })

  it('gives payloads as the values that they were', async () => {
    const journal = await open(directory, { clock: fakeClock(later) })
    const payloads = new Map<string, unknown>()
    for await (const event of journal.read('payloads')) payloads.set(event.type, event.data)
    expect(payloads.get('payload.bytes')).toEqual(new Uint8Array([0, 1, 254, 255]))
    expect(payloads.get('payload.date')).toEqual(new Date(1_600_000_000_123))
    expect(payloads.get('payload.bigint')).toBe(-123_456_789_012_345_678_901_234_567_890n)
    expect(payloads.get('payload.map')).toBeInstanceOf(Map)
    expect(payloads.get('payload.set')).toEqual(new Set(['one', 2, null]))
    expect(payloads.get('payload.undefined')).toBe(undefined)
    expect(payloads.get('payload.error')).toMatchObject({ name: 'TypeError', message: 'no such thing' })
    expect(payloads.get('payload.error')).toBeInstanceOf(Error)
    expect(payloads.get('payload.dollars')).toEqual({ $key: 1, $$key: 2, $date: 'not a date', __proto__x: 3 })
    expect(Object.is(payloads.get('payload.negativeZero'), -0)).toBe(true)
    await journal.close()
  })

  it('gives the content of its blobs', async () => {
    const { blobs } = await expectation()
    const journal = await open(directory, { clock: fakeClock(later) })
    const sizes: number[] = []
    for (const digest of Object.keys(blobs)) sizes.push((await journal.blobs.get(digest)).length)
    expect(sizes).toEqual(Object.values(blobs))
    await journal.close()
  })

  it('verifies without a finding, closed and open', async () => {
    expect((await verifyDirectory(nodeDisk(directory), {})).findings).toEqual([])
    const store = await openStore()
    const report = await store.verify({})
    expect(report.findings).toEqual([])
    expect(report.events).toBe((await expectation()).events.length)
    await store.close()
  })

  it('goes on, and every byte that was there stays', async () => {
    const before = [...(await filesUnder('segments')), ...(await filesUnder('blobs'))]
    const journal = await open(directory, { clock: fakeClock(later), segmentBytes: 4096 })
    const old = await journal.head()
    for (let number = 1; number <= 30; number++) await journal.append('new', { type: 'counted', data: { number } })
    expect((await journal.head()).position).toBe(old.position + 30)
    expect((await journal.verify()).findings).toEqual([])
    await journal.close()
    for (const [path, bytes] of before) {
      const now = await readFile(path)
      expect(now.subarray(0, bytes.length).equals(bytes), path).toBe(true)
    }
    const again = await open(directory, { clock: fakeClock(later) })
    expect(await again.read().toArray()).toHaveLength((await expectation()).events.length + 30)
    await again.close()
  })
})

describe('a newer format', () => {
  it('in the identity is refused', async () => {
    await asVersion2('journal.json')
    await expect(openStore()).rejects.toSatisfy(newerFormat)
    await expect(openDirectory(directory, { readOnly: true })).rejects.toSatisfy(newerFormat)
  })

  it('in the header of the newest segment is refused', async () => {
    const newest = (await readdir(join(directory, 'segments'))).sort().at(-1) ?? ''
    await asVersion2(join('segments', newest))
    await expect(openStore()).rejects.toSatisfy(newerFormat)
  })

  /** Says 2 where the first line said 1, with a checksum that fits. */
  async function asVersion2(path: string): Promise<void> {
    const text = await readFile(join(directory, path), 'utf8')
    const bodyEnd = text.indexOf(',"sum":"')
    const body = text.slice(0, bodyEnd).replace('"holdfast":1', '"holdfast":2')
    const rest = text.slice(bodyEnd + ',"sum":"00000000"'.length)
    await writeFile(join(directory, path), `${body},"sum":"${hex8(bodySum(body))}"${rest}`)
  }

  function newerFormat(error: unknown): boolean {
    return isHoldfastError(error, 'NEWER_FORMAT')
  }
})

/** As JSON keeps it: properties that are undefined are absent. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
