// A reader beside a writer that pulls files away under it, and both beside a disk that fails.

import { describe, expect, it } from 'vitest'
import type { Disk, DiskFile, OpenOptions } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { encodeMark } from '../../engine/durable-mark.ts'
import { alteredDisk } from '../../testing/altered-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import {
  bytesOf,
  diskOf,
  fillSample,
  flipped,
  openSample,
  putFile,
  sampleEvent,
  sampleFiles,
  withFile,
} from '../../testing/sample-journal.ts'
import type { FileStore } from './file-store.ts'

const all = { select: { kind: 'all' }, direction: 'forward' } as const
const batch = { events: [sampleEvent(1)], durability: 'sync' } as const
const first = 'segments/00000000000000000001.jsonl'

interface Failing {
  /** Opening such a file, or reading or writing it, fails with this as long as it is set. */
  error: unknown
  times: number
}

/** A disk on which reading, writing and opening files with such names fails on command. */
function failingOn(disk: Disk, isMeant: (path: string) => boolean): { readonly disk: Disk; readonly fault: Failing } {
  const fault: Failing = { error: undefined, times: Number.POSITIVE_INFINITY }
  const check = (path: string) => {
    if (fault.error === undefined || !isMeant(path) || fault.times-- <= 0) return
    throw fault.error
  }
  const open: Disk['open'] = async (path, options) => {
    check(path)
    const file = await disk.open(path, options)
    const checked: DiskFile = {
      read: async (into, at) => {
        check(path)
        return file.read(into, at)
      },
      write: async (from, at) => {
        check(path)
        return file.write(from, at)
      },
      sync: async () => {
        check(path)
        return file.sync()
      },
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: async () => {
        await file.close()
        check(path)
      },
    }
    return checked
  }
  return { disk: alteredDisk(disk, { open }), fault }
}

/** A disk that tells which files are open; what `opening` gives is called when a read was answered and the file closed. */
function watching(
  inner: Disk,
  opening: (path: string, options: OpenOptions) => { answered?(): Promise<void>; closed?(): void } = () => ({}),
): { readonly disk: Disk; readonly opened: ReadonlySet<DiskFile> } {
  const opened = new Set<DiskFile>()
  const open: Disk['open'] = async (path, options) => {
    const file = await inner.open(path, options)
    const { answered, closed } = opening(path, options)
    const watched: DiskFile = {
      read: async (into, at) => {
        const count = await file.read(into, at)
        await answered?.()
        return count
      },
      write: (from, at) => file.write(from, at),
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: async () => {
        opened.delete(watched)
        await file.close()
        closed?.()
      },
    }
    opened.add(watched)
    return watched
  }
  return { disk: alteredDisk(inner, { open }), opened }
}

async function journal(): Promise<{ readonly disk: Disk; readonly writer: FileStore }> {
  const disk = memoryDisk('journal')
  const writer = await openSample(disk)
  await writer.append(batch)
  await writer.flush() // so that readers know of it
  return { disk, writer }
}

describe('a reader', () => {
  it('opens while a writer pulls a file away under it', async () => {
    const { disk, writer } = await journal()
    const { disk: racing, fault } = failingOn(disk, (path) => path === first)
    fault.error = diskError('ENOENT', 'open', first)
    fault.times = 2
    const reader = await openSample(racing, { readOnly: true })
    expect(await readEvents(reader, all)).toHaveLength(1)
    await reader.close()
    fault.times = Number.POSITIVE_INFINITY
    await expect(openSample(racing, { readOnly: true })).rejects.not.toMatchObject({ code: 'JOURNAL_MISSING' })
    await writer.close()
  })

  it('reads what is damaged once, and tries again where a file was there a moment before', async () => {
    const files = await sampleFiles(43)
    const damaged = withFile(files, first, Buffer.from('damaged'))
    const bare = [...withFile(files, first, undefined)].filter(([path]) => !/^(index|state)\//.test(path))
    for (const [left, looks] of [
      [damaged, 1],
      [new Map(bare), 5],
    ] as const) {
      let looked = 0
      const { disk, opened } = watching(
        await diskOf(new Map([...left].filter(([path]) => !path.startsWith('state/')))),
        (path) => {
          if (path === 'durable') looked++
          return {}
        },
      )
      await expect(openSample(disk, { readOnly: true })).rejects.toMatchObject({ code: 'DAMAGED' })
      expect([looked, opened.size]).toEqual([looks, 0])
    }
  })

  it('meets what looks like damage once by opening anew', async () => {
    const { disk, writer } = await journal()
    const { disk: racing, fault } = failingOn(disk, (path) => path === first)
    const reader = await openSample(racing, { readOnly: true })
    await writer.append(batch)
    await writer.flush()
    const sound = await bytesOf(disk, first)
    const torn = Buffer.from(sound)
    torn[sound.length - 50] = 0x21
    await putFile(disk, first, torn)
    await expect(reader.refresh()).rejects.toMatchObject({ code: 'DAMAGED' })
    expect(reader.head().position).toBe(1)
    await putFile(disk, first, sound)
    await reader.refresh()
    expect(await readEvents(reader, all)).toHaveLength(2)
    await writer.append(batch)
    await writer.flush()
    fault.error = diskError('EIO', 'read', first)
    await expect(reader.refresh()).rejects.toMatchObject({ code: 'IO' })
    fault.error = undefined
    await reader.refresh()
    expect(reader.head().position).toBe(3)
    await reader.close()
    await writer.close()
  })

  it('stays where it is when the published place says nothing, or speaks of an older segment', async () => {
    const { disk, writer } = await journal()
    const reader = await openSample(disk, { readOnly: true })
    const old = encodeMark({ segment: '00000000000000000000.jsonl', bytes: 9_999, position: 99 })
    for (const mark of [Buffer.from('torn'), old]) {
      await putFile(disk, 'durable', mark)
      await reader.refresh()
      expect(reader.head()).toMatchObject({ position: 1, earliest: 1 })
    }
    await writer.append(batch)
    await reader.close()
    await writer.close()
  })

  it.each([true, false])(
    'is told of damage where the log begins, and leaves no file open: readOnly %s',
    async (readOnly) => {
      const files = await sampleFiles(43)
      const bytes = files.get(first) ?? Buffer.alloc(0)
      const damaged = flipped(bytes, bytes.indexOf(0x0a) + 40, 1)
      const { disk, opened } = watching(await diskOf(withFile(files, first, damaged)))
      await expect(openSample(disk, { readOnly })).rejects.toMatchObject({ code: 'DAMAGED', details: { file: first } })
      expect(opened.size).toBe(0)
    },
  )

  it('is told of damage also when the disk fails as all is closed again', async () => {
    const files = await sampleFiles(43)
    const bytes = files.get(first) ?? Buffer.alloc(0)
    const damaged = await diskOf(withFile(files, first, flipped(bytes, bytes.indexOf(0x0a) + 40, 1)))
    let failures = 0
    const { disk } = watching(damaged, (path, { mode }) => ({
      closed() {
        if (mode !== 'synced') return
        failures++
        throw diskError('EIO', 'close', path)
      },
    }))
    await expect(openSample(disk)).rejects.toMatchObject({ code: 'DAMAGED', details: { file: first } })
    expect(failures).toBeGreaterThan(0)
  })

  it('counts as its writer does, and neither probes nor writes', async () => {
    const { disk, writer } = await journal()
    const reader = await openSample(disk, { readOnly: true })
    expect(await reader.stats()).toEqual(await writer.stats())
    await expect(reader.probe()).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(reader.stageBlob(new Uint8Array(1))).rejects.toMatchObject({ code: 'READ_ONLY' })
    await reader.close()
    await writer.close()
  })
})

/** Lets a test wait for something to come to a point, and decide when it goes on. */
function pause(): { readonly reached: Promise<void>; readonly goOn: () => void; here(): Promise<void> } {
  let reach: () => void = () => undefined
  let goOn: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const going = new Promise<void>((resolve) => {
    goOn = resolve
  })
  return {
    reached,
    goOn: () => goOn(),
    here() {
      reach()
      return going
    },
  }
}

describe('a reader whose log is opened anew', () => {
  /** A reader whose next look at the durable place waits with what it has read; and which of its files are open. */
  async function stage() {
    const { disk, writer } = await journal()
    let looks = 0
    let next: ReturnType<typeof pause> | undefined
    const { disk: watched, opened } = watching(disk, (path) => {
      if (path !== 'durable') return {}
      looks++
      const held = next
      next = undefined
      return held === undefined ? {} : { answered: () => held.here() }
    })
    const reader = await openSample(watched, { readOnly: true })
    return {
      disk,
      writer,
      reader,
      opened,
      looks: () => looks,
      holdNextLook() {
        next = pause()
        return next
      },
      /** It may have been put since the log was opened: so a reader looks once more in a new one. */
      async askForMissing() {
        const asking = (async () => {
          for await (const _piece of reader.readBlob('ab'.repeat(32)));
        })()
        await expect(asking).rejects.toMatchObject({ code: 'BLOB_MISSING' })
      },
    }
  }

  it('by a question while it follows goes on in the new one', async () => {
    const { writer, reader, holdNextLook, askForMissing } = await stage()
    const clock = fakeClock()
    const look = holdNextLook()
    const refreshed = reader.refresh()
    await look.reached
    await fillSample(writer, clock, 2, 30)
    await askForMissing()
    look.goOn()
    await refreshed
    expect(await readEvents(reader, all)).toEqual(await readEvents(writer, all))
    await writer.retain({ segmentsMax: 1 }, { dryRun: false })
    await askForMissing()
    await reader.refresh()
    expect(reader.head()).toMatchObject({ position: writer.head().position, earliest: writer.head().earliest })
    await reader.close()
    await writer.close()
  })

  it('shows no less than before, though the old one was followed meanwhile', async () => {
    const { writer, reader, holdNextLook, askForMissing } = await stage()
    const look = holdNextLook()
    const asking = askForMissing()
    await look.reached
    await writer.append(batch)
    await writer.flush()
    await reader.refresh()
    expect(reader.head().position).toBe(2)
    look.goOn()
    await asking
    expect(reader.head().position).toBe(2)
    expect(await readEvents(reader, all)).toHaveLength(2)
    await reader.close()
    await writer.close()
  })

  it('shows what was durable when it was asked to follow, though the new one was begun before', async () => {
    const { writer, reader, holdNextLook, askForMissing } = await stage()
    const look = holdNextLook()
    const asking = askForMissing()
    await look.reached
    await fillSample(writer, fakeClock(), 2, 30)
    await writer.append(batch)
    await writer.flush()
    const refreshed = reader.refresh()
    look.goOn()
    await Promise.all([asking, refreshed])
    expect(reader.head().position).toBe(writer.head().position)
    expect(await readEvents(reader, all)).toEqual(await readEvents(writer, all))
    await reader.close()
    await writer.close()
  })

  it('shows what the log vouches for when the durable place can not be read any more', async () => {
    const { disk, writer, reader, looks, askForMissing } = await stage()
    await writer.append(batch)
    await writer.flush()
    await reader.refresh()
    await putFile(disk, 'durable', Buffer.from('torn'))
    const before = looks()
    await askForMissing()
    expect(looks() - before).toBe(5)
    expect(await readEvents(reader, all)).toHaveLength(1)
    await writer.append(batch)
    await writer.flush()
    await reader.refresh()
    expect(await readEvents(reader, all)).toHaveLength(3)
    await reader.close()
    await writer.close()
  })

  it.each([
    { what: 'it follows', follows: true, fails: false },
    { what: 'it asks', follows: false, fails: false },
    { what: 'it follows, which fails', follows: true, fails: true },
    { what: 'it asks, which fails', follows: false, fails: true },
  ])('and closed while $what leaves no file open', async ({ follows, fails }) => {
    const { disk, writer, reader, opened, holdNextLook, askForMissing } = await stage()
    await fillSample(writer, fakeClock(), 2, 30)
    const look = holdNextLook()
    const ended = (follows ? reader.refresh() : askForMissing()).catch(() => undefined)
    await look.reached
    const closed = reader.close()
    if (fails) await putFile(disk, 'segments/00000000000000000999.jsonl', Buffer.from('not ours'))
    look.goOn()
    await Promise.all([closed, ended])
    expect(opened.size).toBe(0)
    await writer.close()
  })
})

describe('a writer', () => {
  it('goes on after a failed write once it is reopened, whatever closing says', async () => {
    const { disk: failing, fault } = failingOn(memoryDisk('journal'), () => true)
    const store = await openSample(failing)
    await store.append(batch)
    fault.error = diskError('EIO', 'write', first)
    await expect(store.append(batch)).rejects.toMatchObject({ code: 'INDETERMINATE' })
    await expect(store.append(batch)).rejects.toMatchObject({ code: 'LATCHED' })
    await expect(store.reopen()).rejects.toMatchObject({ code: 'IO' })
    fault.error = undefined
    await store.reopen()
    await store.append(batch)
    expect((await readEvents(store, all)).length).toBeGreaterThanOrEqual(2)
    expect((await store.verify({})).ok).toBe(true)
    await store.close()
  })

  it('is not reopened when another process has taken over', async () => {
    const disk = memoryDisk('journal')
    const { disk: failing, fault } = failingOn(disk, (path) => path === first)
    const store = await openSample(failing)
    await store.append(batch)
    fault.error = diskError('EIO', 'write', first)
    await expect(store.append(batch)).rejects.toMatchObject({ code: 'INDETERMINATE' })
    fault.error = undefined
    await putFile(disk, 'fences/00000002.json', Buffer.from('{"fence":2}\n'))
    await expect(store.reopen()).rejects.toMatchObject({ code: 'SUPERSEDED' })
    await store.close()
  })

  it('goes on without its caches when they can not be written, and writes them when they can', async () => {
    const disk = memoryDisk('journal')
    const { disk: failing, fault } = failingOn(disk, (path) => path.startsWith('state/'))
    const clock = fakeClock()
    const store = await openSample(failing, { clock })
    fault.error = diskError('EIO', 'open', 'state')
    await fillSample(store, clock, 1, 60)
    // A rewrite before there is any table: nothing is noted of it, and the next opening reads the log.
    await store.retain({ streams: [{ stream: 'orders/1', before: 'all' }] }, { dryRun: false })
    const left = await readEvents(store, all)
    expect(left.some(({ stream }) => stream === 'orders/1')).toBe(false)
    await store.close()
    const again = await openSample(disk, { clock })
    expect(await readEvents(again, all)).toEqual(left)
    await fillSample(again, clock, 61, 90)
    await again.close()
    const covered = await openSample(disk, { clock })
    expect(await covered.verify({})).toMatchObject({ ok: true, findings: [] })
    await covered.close()
  })
})

describe('a damaged state table', () => {
  async function damaged(readOnly: boolean): Promise<FileStore> {
    const disk = memoryDisk('journal')
    const clock = fakeClock()
    const before = await openSample(disk, { clock })
    await fillSample(before, clock, 1, 60)
    await before.close()
    const store = await openSample(disk, { clock, readOnly })
    for (const { name } of await disk.list('state')) {
      if (!name.endsWith('.table')) continue
      const bytes = await bytesOf(disk, `state/${name}`)
      await putFile(disk, `state/${name}`, Buffer.from(bytes.map((byte) => byte ^ 1)))
    }
    return store
  }

  it('is met by a reader by opening anew, which does without it', async () => {
    const reader = await damaged(true)
    expect(await reader.command('command 5')).toMatchObject({ duplicate: true })
    await reader.close()
  })

  it('is told by a writer, and met by its reopening', async () => {
    const writer = await damaged(false)
    await expect(writer.command('command 5')).rejects.toMatchObject({ code: 'DAMAGED' })
    await writer.reopen()
    expect(await writer.command('command 5')).toMatchObject({ duplicate: true })
    await writer.close()
  })
})
