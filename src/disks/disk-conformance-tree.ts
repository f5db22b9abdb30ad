// What every disk does with directories, names and locks.

import { deepEqual, equal, notEqual } from 'node:assert/strict'
import type { Disk } from './disk.ts'
import { type DiskCase, rejectsWith } from './disk-case.ts'
import { bytesOf, textOf, writeText } from './file-content.ts'
import { writeFully } from './whole-io.ts'

async function listed(disk: Disk, path: string): Promise<readonly string[]> {
  return (await disk.list(path)).map((entry) => `${entry.kind} ${entry.name}`).sort()
}

export const treeCases: readonly DiskCase[] = [
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
      await rejectsWith(disk.list('b'), 'ENOENT')
      await rejectsWith(disk.list('b/c'), 'ENOENT')
      await rejectsWith(disk.list('a'), 'ENOTDIR')
      await rejectsWith(disk.list('a/b'), 'ENOTDIR')
    },
  },
  {
    name: 'makeDirectory: EEXIST when something is there, ENOENT and ENOTDIR without a parent',
    run: async (disk) => {
      await writeText(disk, 'a', '')
      await disk.makeDirectory('d')
      await rejectsWith(disk.makeDirectory('d'), 'EEXIST')
      await rejectsWith(disk.makeDirectory('a'), 'EEXIST')
      await rejectsWith(disk.makeDirectory('x/y'), 'ENOENT')
      await rejectsWith(disk.makeDirectory('a/b'), 'ENOTDIR')
      await rejectsWith(disk.makeDirectory(''), 'EEXIST')
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
      await rejectsWith(disk.rename('e', 'e/inside'), 'EINVAL')
    },
  },
  {
    name: 'rename refuses what is missing and what does not fit, and changes nothing then',
    run: async (disk) => {
      await writeText(disk, 'a', 'abc')
      await disk.makeDirectory('d')
      await disk.makeDirectory('e')
      await writeText(disk, 'e/b', '')
      await rejectsWith(disk.rename('x', 'a'), 'ENOENT')
      await rejectsWith(disk.rename('a', 'x/y'), 'ENOENT')
      await rejectsWith(disk.rename('a', 'd'), 'EISDIR', 'EPERM')
      await rejectsWith(disk.rename('d', 'a'), 'ENOTDIR', 'EPERM')
      await rejectsWith(disk.rename('d', 'e'), 'ENOTEMPTY', 'EEXIST', 'EPERM')
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
      await rejectsWith(disk.remove('d'), 'EISDIR', 'EPERM')
      await rejectsWith(disk.remove('x'), 'ENOENT')
      await rejectsWith(disk.removeDirectory('d'), 'ENOTEMPTY', 'EEXIST')
      await rejectsWith(disk.removeDirectory('d/a'), 'ENOTDIR', 'ENOENT')
      await rejectsWith(disk.removeDirectory('x'), 'ENOENT')
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
      if (process.platform !== 'win32') await rejectsWith(disk.syncDirectory('x'), 'ENOENT')
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
      await rejectsWith(disk.lock('lock'), 'ENOENT')
    },
  },
  {
    name: 'no path leads out of the directory',
    run: async (disk) => {
      for (const path of ['..', '../a', 'd/../../a', '/a', './a', 'd//a', 'a/', 'C:a', 'd\\a', 'a\0b']) {
        await rejectsWith(disk.open(path, { mode: 'write', create: 'exclusive' }), 'ASSERTION')
        await rejectsWith(disk.list(path), 'ASSERTION')
        await rejectsWith(disk.rename('a', path), 'ASSERTION', 'ENOENT')
        await rejectsWith((async () => disk.existsNow(path))(), 'ASSERTION')
        await rejectsWith((async () => disk.watch(path, () => undefined))(), 'ASSERTION')
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
