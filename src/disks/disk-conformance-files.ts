// What every disk does with the content of a file.

import { deepEqual, equal, notEqual } from 'node:assert/strict'
import type { OpenOptions } from './disk.ts'
import { type DiskCase, rejectsWith } from './disk-case.ts'
import { bytesOf, contentOf, textOf, writeText } from './file-content.ts'
import { writeFully } from './whole-io.ts'

const create: OpenOptions = { mode: 'write', create: 'exclusive' }

export const fileCases: readonly DiskCase[] = [
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
      await rejectsWith(disk.open('a', { mode: 'read' }), 'ENOENT')
      await rejectsWith(disk.open('a', { mode: 'write' }), 'ENOENT')
      await (await disk.open('a', { mode: 'write', create: 'maybe' })).close()
      await rejectsWith(disk.open('a', { mode: 'write', create: 'exclusive' }), 'EEXIST')
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
      await rejectsWith(file.write(bytesOf('x'), 0), 'EBADF', 'EPERM')
      await rejectsWith(file.truncate(0), 'EINVAL', 'EBADF', 'EPERM')
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
      await rejectsWith(Promise.resolve(file.read(new Uint8Array(1), 0)), 'EBADF')
      await rejectsWith(file.write(bytesOf('x'), 0), 'EBADF')
      await rejectsWith(file.sync(), 'EBADF')
      await rejectsWith(file.truncate(0), 'EBADF')
      await rejectsWith(file.size(), 'EBADF')
    },
  },
  {
    name: 'a directory is not opened as a file',
    run: async (disk) => {
      await disk.makeDirectory('d')
      await rejectsWith(disk.open('d', { mode: 'read' }), 'ENOTFILE')
      await rejectsWith(disk.open('d', { mode: 'write' }), 'ENOTFILE')
      await rejectsWith(disk.open('d', { mode: 'write', create: 'maybe' }), 'ENOTFILE')
      await rejectsWith(disk.open('d', { mode: 'write', create: 'exclusive' }), 'EEXIST')
      await rejectsWith(disk.open('', { mode: 'read' }), 'ENOTFILE')
    },
  },
]
