// What every disk must do, whatever it is made of: cases for a fresh, empty disk each. They take no test framework,
// so any can run them. Invariant: nothing here depends on time; durability itself shows only on the simulated disk
// and under real power cuts.

import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict'
import type { Disk, DiskFile, OpenOptions } from './disk.ts'

export interface DiskCase {
  readonly name: string
  run(disk: Disk): Promise<void>
}

const create: OpenOptions = { mode: 'write', create: 'exclusive' }

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Writes all of it, over as many calls as the disk wants. */
export async function writeFully(file: DiskFile, from: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < from.length; ) done += await file.write(from.subarray(done), at + done)
}

/** The whole content, over as many calls as the disk wants. */
export async function contentOf(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, { mode: 'read' })
  try {
    const content = new Uint8Array(await file.size())
    let done = 0
    while (done < content.length) {
      const count = await file.read(content.subarray(done), done)
      if (count === 0) break
      done += count
    }
    return content.subarray(0, done)
  } finally {
    await file.close()
  }
}

export async function textOf(disk: Disk, path: string): Promise<string> {
  return new TextDecoder().decode(await contentOf(disk, path))
}

export async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, { mode: 'write', create: 'maybe' })
  await writeFully(file, bytesOf(text), 0)
  await file.truncate(bytesOf(text).length)
  await file.close()
}

async function listed(disk: Disk, path: string): Promise<readonly string[]> {
  return (await disk.list(path)).map((entry) => `${entry.kind} ${entry.name}`).sort()
}

function fails(work: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  return rejects(work, (error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    equal(codes.includes(String(code)), true, `code ${String(code)}, expected ${codes.join(' or ')}: ${String(error)}`)
    return true
  })
}

export const diskCases: readonly DiskCase[] = [
  {
    name: 'a fresh disk is empty',
    run: async (disk) => {
      deepEqual(await disk.list(''), [])
      notEqual(disk.label, '')
      notEqual(disk.lockMechanism, '')
    },
  },
  {
    name: 'what is written is read, at its place',
    run: async (disk) => {
      const file = await disk.open('a', create)
      await writeFully(file, bytesOf('hello world'), 0)
      await writeFully(file, bytesOf('W'), 6)
      const into = new Uint8Array(5)
      equal(await file.read(into.subarray(0, 1), 6), 1)
      equal(into[0], 'W'.charCodeAt(0))
      await file.close()
      equal(await textOf(disk, 'a'), 'hello World')
    },
  },
  {
    name: 'a write takes its bytes from a view into a larger buffer',
    run: async (disk) => {
      const file = await disk.open('a', create)
      await writeFully(file, bytesOf('..abc..').subarray(2, 5), 0)
      const around = bytesOf('------')
      let count = 0
      while (count < 3) count += await file.read(around.subarray(1 + count, 4), count)
      deepEqual(around, bytesOf('-abc--'))
      await file.close()
    },
  },
  {
    name: 'at and past the end a read gives 0',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      const file = await disk.open('a', { mode: 'read' })
      equal(await file.read(new Uint8Array(4), 3), 0)
      equal(await file.read(new Uint8Array(4), 100), 0)
      await file.close()
    },
  },
  {
    name: 'an empty write and an empty read do nothing',
    run: async (disk) => {
      const file = await disk.open('a', create)
      equal(await file.write(new Uint8Array(0), 10), 0)
      equal(await file.size(), 0)
      equal(await file.read(new Uint8Array(0), 0), 0)
      await file.close()
    },
  },
  {
    name: 'a gap reads as zeros, and growth after a cut shows nothing old',
    run: async (disk) => {
      const file = await disk.open('a', create)
      await writeFully(file, bytesOf('abcdef'), 0)
      await file.truncate(2)
      await writeFully(file, bytesOf('z'), 4)
      equal(await file.size(), 5)
      await file.truncate(7)
      await file.close()
      deepEqual(await contentOf(disk, 'a'), bytesOf('ab\0\0z\0\0'))
    },
  },
  {
    name: 'synced mode reads and writes, and sync resolves in every mode for writing',
    run: async (disk) => {
      const file = await disk.open('a', { mode: 'synced', create: 'maybe' })
      await writeFully(file, bytesOf('abc'), 0)
      await file.sync()
      await file.close()
      const again = await disk.open('a', { mode: 'write' })
      await again.sync()
      await again.close()
      equal(await textOf(disk, 'a'), 'abc')
    },
  },
  {
    name: 'a large write and read arrive whole',
    run: async (disk) => {
      const large = new Uint8Array(3_000_000).map((_, index) => (index * 7919) >> 3)
      const file = await disk.open('a', create)
      await writeFully(file, large, 0)
      await file.close()
      equal(Buffer.compare(await contentOf(disk, 'a'), large), 0)
    },
  },
  {
    name: 'two handles see each other',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      const reader = await disk.open('a', { mode: 'read' })
      await writeText(disk, 'a', 'xyz!')
      equal(await reader.size(), 4)
      const into = new Uint8Array(1)
      await reader.read(into, 3)
      deepEqual(into, bytesOf('!'))
      await reader.close()
    },
  },
  {
    name: 'create: never needs the file, exclusive its absence, maybe neither',
    run: async (disk) => {
      await fails(disk.open('a', { mode: 'read' }), 'ENOENT')
      await fails(disk.open('a', { mode: 'write' }), 'ENOENT')
      await (await disk.open('a', { mode: 'write', create: 'maybe' })).close()
      await fails(disk.open('a', { mode: 'write', create: 'exclusive' }), 'EEXIST')
      await writeText(disk, 'a', 'kept')
      await (await disk.open('a', { mode: 'synced', create: 'maybe' })).close()
      equal(await textOf(disk, 'a'), 'kept')
    },
  },
  {
    name: 'a file open for reading refuses writes and cuts',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      const file = await disk.open('a', { mode: 'read' })
      await fails(file.write(bytesOf('x'), 0), 'EBADF', 'EPERM')
      await fails(file.truncate(0), 'EINVAL', 'EBADF', 'EPERM')
      await file.close()
      equal(await textOf(disk, 'a'), 'abc')
    },
  },
  {
    name: 'a closed file refuses everything, and closing twice is fine',
    run: async (disk) => {
      const file = await disk.open('a', create)
      await file.close()
      await file.close()
      await fails(file.read(new Uint8Array(1), 0), 'EBADF')
      await fails(file.write(bytesOf('x'), 0), 'EBADF')
      await fails(file.sync(), 'EBADF')
      await fails(file.truncate(0), 'EBADF')
      await fails(file.size(), 'EBADF')
    },
  },
  {
    name: 'a directory is not opened as a file',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await fails(disk.open('d', { mode: 'read' }), 'ENOTFILE')
      await fails(disk.open('d', { mode: 'write' }), 'ENOTFILE')
      await fails(disk.open('d', { mode: 'write', create: 'maybe' }), 'ENOTFILE')
      await fails(disk.open('d', { mode: 'write', create: 'exclusive' }), 'EEXIST')
      await fails(disk.open('', { mode: 'read' }), 'ENOTFILE')
    },
  },
  {
    name: 'directories nest, list tells kinds, and an entry is one level deep',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await disk.makeDirectory('d/e')
      await writeText(disk, 'd/e/f', 'x')
      await writeText(disk, 'g', 'y')
      deepEqual(await listed(disk, ''), ['directory d', 'file g'])
      deepEqual(await listed(disk, 'd'), ['directory e'])
      deepEqual(await listed(disk, 'd/e'), ['file f'])
      equal(await textOf(disk, 'd/e/f'), 'x')
    },
  },
  {
    name: 'listing: ENOENT for nothing, ENOTDIR for a file',
    run: async (disk) => {
      await writeText(disk, 'a', '')
      await fails(disk.list('b'), 'ENOENT')
      await fails(disk.list('b/c'), 'ENOENT')
      await fails(disk.list('a'), 'ENOTDIR')
      await fails(disk.list('a/b'), 'ENOTDIR')
    },
  },
  {
    name: 'makeDirectory: EEXIST when something is there, ENOENT and ENOTDIR without a parent',
    run: async (disk) => {
      await writeText(disk, 'a', '')
      await disk.makeDirectory('d')
      await fails(disk.makeDirectory('d'), 'EEXIST')
      await fails(disk.makeDirectory('a'), 'EEXIST')
      await fails(disk.makeDirectory('x/y'), 'ENOENT')
      await fails(disk.makeDirectory('a/b'), 'ENOTDIR')
      await fails(disk.makeDirectory(''), 'EEXIST')
    },
  },
  {
    name: 'rename moves, replaces, and keeps open handles',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await writeText(disk, 'new', 'new')
      await writeText(disk, 'd/final', 'old')
      const handle = await disk.open('new', { mode: 'write' })
      await disk.rename('new', 'd/final')
      equal(await textOf(disk, 'd/final'), 'new')
      deepEqual(await listed(disk, ''), ['directory d'])
      await writeFully(handle, bytesOf('NEW'), 0)
      await handle.close()
      equal(await textOf(disk, 'd/final'), 'NEW')
    },
  },
  {
    name: 'rename to itself changes nothing',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      await disk.rename('a', 'a')
      equal(await textOf(disk, 'a'), 'abc')
    },
  },
  {
    name: 'rename of a directory takes its content along',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await writeText(disk, 'd/a', 'abc')
      await disk.rename('d', 'e')
      equal(await textOf(disk, 'e/a'), 'abc')
      deepEqual(await listed(disk, ''), ['directory e'])
      await fails(disk.rename('e', 'e/inside'), 'EINVAL')
    },
  },
  {
    name: 'rename refuses what is missing and what does not fit, and changes nothing then',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      await disk.makeDirectory('d')
      await disk.makeDirectory('e')
      await writeText(disk, 'e/b', '')
      await fails(disk.rename('x', 'a'), 'ENOENT')
      await fails(disk.rename('a', 'x/y'), 'ENOENT')
      await fails(disk.rename('a', 'd'), 'EISDIR', 'EPERM')
      await fails(disk.rename('d', 'a'), 'ENOTDIR', 'EPERM')
      await fails(disk.rename('d', 'e'), 'ENOTEMPTY', 'EEXIST', 'EPERM')
      equal(await textOf(disk, 'a'), 'abc')
      deepEqual(await listed(disk, ''), ['directory d', 'directory e', 'file a'])
    },
  },
  {
    name: 'remove takes a file away, an open handle goes on',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      const file = await disk.open('a', { mode: 'write' })
      await disk.remove('a')
      deepEqual(await disk.list(''), [])
      equal(await file.size(), 3)
      await writeText(disk, 'a', 'another')
      await writeFully(file, bytesOf('ABC'), 0)
      await file.close()
      equal(await textOf(disk, 'a'), 'another')
    },
  },
  {
    name: 'remove refuses directories and what is missing; removeDirectory files and what is not empty',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await writeText(disk, 'd/a', '')
      await fails(disk.remove('d'), 'EISDIR', 'EPERM')
      await fails(disk.remove('x'), 'ENOENT')
      await fails(disk.removeDirectory('d'), 'ENOTEMPTY', 'EEXIST')
      await fails(disk.removeDirectory('d/a'), 'ENOTDIR', 'ENOENT')
      await fails(disk.removeDirectory('x'), 'ENOENT')
      await disk.remove('d/a')
      await disk.removeDirectory('d')
      deepEqual(await disk.list(''), [])
    },
  },
  {
    name: 'syncDirectory works for the disk itself and for what it holds, and misses what is missing',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await disk.syncDirectory('')
      await disk.syncDirectory('d')
      // Windows has nothing to sync, and so nothing to miss.
      if (process.platform !== 'win32') await fails(disk.syncDirectory('x'), 'ENOENT')
    },
  },
  {
    name: 'existsNow sees files and directories, at once',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await writeText(disk, 'a', '')
      deepEqual(
        ['', 'd', 'a', 'b', 'x/y', 'd/a'].map((path) => disk.existsNow(path)),
        [true, true, true, false, false, false],
      )
      await disk.remove('a')
      equal(disk.existsNow('a'), false)
    },
  },
  {
    name: 'a lock excludes others on the same file, and only there, until it is released',
    run: async (disk) => {
      await writeText(disk, 'lock', '')
      await writeText(disk, 'other', '')
      const first = await disk.lock('lock')
      notEqual(first, undefined)
      equal(await disk.lock('lock'), undefined)
      const other = await disk.lock('other')
      notEqual(other, undefined)
      await first?.release()
      await first?.release()
      const second = await disk.lock('lock')
      notEqual(second, undefined)
      equal(await disk.lock('lock'), undefined)
      await first?.release()
      equal(await disk.lock('lock'), undefined)
      await second?.release()
      await other?.release()
    },
  },
  {
    name: 'a lock needs its file',
    run: async (disk) => {
      await fails(disk.lock('lock'), 'ENOENT')
    },
  },
  {
    name: 'no path leads out of the directory',
    run: async (disk) => {
      for (const path of ['..', '../a', 'd/../../a', '/a', './a', 'd//a', 'a/', 'C:a', 'd\\a', 'a\0b']) {
        await fails(disk.open(path, create), 'ASSERTION')
        await fails(disk.list(path), 'ASSERTION')
        await fails(disk.rename('a', path), 'ASSERTION', 'ENOENT')
        await fails((async () => disk.existsNow(path))(), 'ASSERTION')
        await fails((async () => disk.watch(path, () => undefined))(), 'ASSERTION')
      }
    },
  },
  {
    name: 'watching takes any path, and can be given up',
    run: async (disk) => {
      await writeText(disk, 'a', '')
      for (const path of ['', 'a', 'missing']) {
        const watch = disk.watch(path, () => undefined)
        watch.close()
        watch.close()
      }
    },
  },
]
