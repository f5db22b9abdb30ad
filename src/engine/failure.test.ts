import { expect, it } from 'vitest'
import { diskError } from '../disks/disk-error.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { HoldfastError } from '../errors.ts'
import { failureOf, latched, superseded, typedFailure } from './failure.ts'
import { fullError, onTarget } from './target-error.ts'

const disk = memoryDisk()

it('whatever went wrong at the disk gets a code of ours', () => {
  const codes = ['ENOSPC', 'EDQUOT', 'EIO'].map((code) => failureOf(diskError(code, 'write', 'f'), disk).code)
  expect(codes).toEqual(['DISK_FULL', 'DISK_FULL', 'IO'])
  expect(failureOf('only text', disk)).toMatchObject({ code: 'IO', cause: 'only text' })
  const ours = new HoldfastError('DAMAGED', 'a line')
  expect(failureOf(ours, disk)).toBe(ours)
})

it('only what the operating system says is translated', () => {
  const own = new Error('of the caller')
  expect(typedFailure(own, disk)).toBe(own)
  expect(typedFailure(diskError('EIO', 'read', 'f'), disk)).toMatchObject({ code: 'IO' })
})

it('a journal that was taken over or closed says so, also later', () => {
  expect(latched(superseded(disk)).code).toBe('SUPERSEDED')
  expect(latched(failureOf(diskError('EIO', 'sync', 'f'), disk)).code).toBe('LATCHED')
})

it.each([
  ['ENOTEMPTY', 'TARGET_NOT_EMPTY'],
  ['EEXIST', 'TARGET_NOT_EMPTY'],
  ['ENOTDIR', 'TARGET_IS_FILE'],
  ['ENOENT', 'INVALID_ARGUMENT'],
  ['EBUSY', 'LOCKED'],
  ['EACCES', 'NO_PERMISSION'],
  ['EPERM', 'NO_PERMISSION'],
  ['EROFS', 'NO_PERMISSION'],
  ['ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'DISK_FULL'],
  ['EIO', 'IO'],
])('%s at the directory of a backup or import is told as %s', async (said, told) => {
  for (const what of ['backup', 'import'] as const) {
    const making = onTarget({ what, to: 'there' }, () => Promise.reject(diskError(said, 'makeDirectory', 'there')))
    await expect(making).rejects.toMatchObject({ code: told })
  }
})

it('what has a code of ours, or none at all, is passed on', () => {
  for (const error of [new HoldfastError('ABORTED', 'stopped'), new Error('of the caller'), 'only text'])
    expect(fullError(error, { what: 'import', to: 'there' })).toBe(error)
  expect(fullError({ code: 'EIO' }, { what: 'import', to: 'there' })).toMatchObject({ code: 'IO' })
})
