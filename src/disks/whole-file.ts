// Whole files in one call, for tests: over as many reads and writes as the disk wants, since a short count is normal.

import type { Disk, DiskFile } from './disk.ts'

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
