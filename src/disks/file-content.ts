// The content of whole files in one call, for tests.

import type { Disk } from './disk.ts'
import { readFully, writeFully } from './whole-io.ts'

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export async function contentOf(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, { mode: 'read' })
  try {
    const content = new Uint8Array(await file.size())
    return content.subarray(0, await readFully(file, content, 0))
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
