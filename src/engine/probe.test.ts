import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { lineBytesMax } from './line-reader.ts'

function openStore(disk: Disk, segmentBytes?: number): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes })
}

/** What a read of `count` bytes into `into` gives instead; returns the count. */
type Lie = (into: Uint8Array, count: number) => number

/** Reads as another disk would, from when it is told to. */
function lyingDisk(inner: Disk): { readonly disk: Disk; lie(how: Lie): void } {
  let change: Lie = (_into, count) => count
  const disk = alteredDisk(inner, {
    async open(path, options) {
      const file = await inner.open(path, options)
      return { ...file, read: async (into, at) => change(into, await file.read(into, at)) }
    },
  })
  return {
    disk,
    lie: (how) => {
      change = how
    },
  }
}

/** These bytes, counted from the end, are zeros of ASCII. */
function blanked(from: number, to: number): Lie {
  return (into, count) => {
    if (count >= from) into.fill(0x30, count - from, count - to)
    return count
  }
}

/** Nothing but the last byte is what it was. */
function oneLongLine(into: Uint8Array, count: number): number {
  return blanked(count, 1)(into, count)
}

describe('probe', () => {
  it('passes on a disk that works, and leaves no event', async () => {
    const store = await openStore(memoryDisk())
    await store.probe()
    const data = JSON.stringify('x'.repeat(20_000))
    const appends = [1, 2, 3].map(() =>
      store.append({ events: [{ stream: 's', type: 't', version: 1, data }], durability: 'sync' }),
    )
    await Promise.all([...appends, store.probe()])
    expect(store.head().position).toBe(3)
    await store.close()
  })

  it('reads as far back as it takes when a long event has come behind what it wrote', async () => {
    const store = await openStore(memoryDisk())
    const data = JSON.stringify('x'.repeat(100_000))
    const event = { stream: 's', type: 't', version: 1, data }
    // In one group: the event's line is the last one.
    await Promise.all([store.probe(), store.append({ events: [event], durability: 'sync' })])
    expect(store.head().position).toBe(1)
    await store.close()
  })

  const lies: readonly (readonly [what: string, Lie])[] = [
    ['other bytes', blanked(60, 50)],
    ['less than was written', (_into, count) => Math.max(0, count - 20)],
    ['no end of the line', blanked(1, 0)],
    ['no line but the last', oneLongLine],
    ['nothing', () => 0],
  ]
  it.each(lies)('says so when what is read back is %s', async (_what, how) => {
    const { disk, lie } = lyingDisk(memoryDisk())
    const store = await openStore(disk)
    const path = 'segments/00000000000000000001.jsonl'
    lie(how)
    await expect(store.probe()).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { file: path, kind: 'line-checksum' },
    })
    lie((_into, count) => count)
    await store.probe()
    await store.close()
  })

  it('looks no further back than a line can be long', async () => {
    let longest = 0
    const { disk, lie } = lyingDisk(memoryDisk())
    const store = await openStore(disk, 67_108_864)
    const event = { stream: 's', type: 't', version: 1, data: JSON.stringify('x'.repeat(limits.eventBytesMax - 1_000)) }
    for (let n = 0; n < 5; n++) await store.append({ events: [event], durability: 'sync' })
    lie((into, count) => {
      longest = Math.max(longest, count)
      return oneLongLine(into, count)
    })
    await expect(store.probe()).rejects.toMatchObject({ code: 'DAMAGED' })
    expect(longest).toBe(lineBytesMax + 2)
    lie((_into, count) => count)
    await store.close()
  })

  it('says so when nothing can be written', async () => {
    const inner = memoryDisk()
    await (await openStore(inner)).close()
    let broken = false
    const only = (call: { readonly op: string; readonly path: string }): boolean =>
      broken && call.op === 'write' && call.path.startsWith('segments')
    const store = await openStore(faultyDisk(inner, { at: 1, times: 'forever', fault: 'EIO', only }))
    broken = true
    await expect(store.probe()).rejects.toMatchObject({ code: 'INDETERMINATE' })
    await store.close()
  })
})
