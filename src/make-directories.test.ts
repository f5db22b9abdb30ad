import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { makeDirectories } from './make-directories.ts'

const synced: string[] = []

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const open: typeof real.open = async (path, ...rest) => {
    const handle = await real.open(path, ...rest)
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      await sync()
      synced.push(String(path))
    }
    return handle
  }
  return { ...real, open }
})

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-directories-'))
  await writeFile(join(root, 'something'), '')
  synced.length = 0
})

afterEach(() => rm(root, { recursive: true, force: true }))

it('makes what is missing and syncs each new name', async () => {
  await makeDirectories(join(root, 'a', 'b'))
  expect(synced).toEqual([root, join(root, 'a')])
})

it('syncs the name of an empty directory, which may never have been synced', async () => {
  await mkdir(join(root, 'a'))
  await makeDirectories(join(root, 'a'))
  expect(synced).toEqual([root])
})

it('syncs it also where more is to be made in it', async () => {
  await mkdir(join(root, 'a'))
  await makeDirectories(join(root, 'a', 'b'))
  expect(synced).toEqual([root, join(root, 'a')])
})

it('leaves alone what is in use', async () => {
  await makeDirectories(root)
  expect(synced).toEqual([])
})
