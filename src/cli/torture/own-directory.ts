// The directory in which a run works. Invariant: nothing is touched that no run of ours has made.

import { lstat, mkdir, mkdtemp, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { UsageError } from '../command.ts'

export interface OwnDirectory {
  readonly path: string
  /** The directory, and what had to be made above it. */
  remove(): Promise<void>
}

/** Tells a run's directory from somebody else's. */
const marker = 'holdfast-torture.json'
const namePattern = /^torture-\d+-\d+$/

/** A new directory below `parent`, which must be new, empty, or hold nothing but what earlier runs have left. */
export async function freshDirectory(parent: string | undefined, seed: number): Promise<OwnDirectory> {
  if (parent === undefined) return mark(await mkdtemp(join(tmpdir(), 'holdfast-torture-')), undefined, seed)
  const full = resolve(parent)
  const made = await makeDirectory(full)
  const entries = await readdir(full)
  for (const name of entries) {
    if (namePattern.test(name) && (await isMarked(join(full, name)))) continue
    throw new UsageError(`${parent} is not empty (it has ${name}): give a new or an empty directory`)
  }
  const number = 1 + Math.max(0, ...entries.map((name) => Number(name.split('-')[1])))
  const path = join(full, `torture-${number}-${seed}`)
  await mkdir(path)
  return mark(path, made ? full : undefined, seed)
}

async function mark(path: string, made: string | undefined, seed: number): Promise<OwnDirectory> {
  await writeFile(join(path, marker), `${JSON.stringify({ seed })}\n`)
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true })
      // Unless something else has come into it meanwhile.
      if (made !== undefined) await rmdir(made).catch(() => undefined)
    },
  }
}

/** True when it was not there. */
async function makeDirectory(path: string): Promise<boolean> {
  try {
    const found = await lstat(path)
    if (found.isDirectory()) return false
    throw new UsageError(`${path} is not a directory`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new UsageError(message, { cause: error })
  }
  try {
    await mkdir(path, { recursive: true })
    return true
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

async function isMarked(path: string): Promise<boolean> {
  return (await readdir(path).catch((): string[] => [])).includes(marker)
}
