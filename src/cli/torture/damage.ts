// Damage as crashes and bad disks make it, done to copies: a torn end of the log, a flipped bit.

import { open, readdir, readFile, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Chance } from './chance.ts'

const garbageBytesMax = 3_000

/**
 * Tears the end of the log of a journal whose writer was killed: behind all that is known to be synced, what stands there
 * is cut at any byte, and anything may follow. `required` is the newest position that was acknowledged.
 */
export async function tearTail(directory: string, required: number, chance: Chance): Promise<void> {
  const name = (await readdir(join(directory, 'segments')))
    .filter((file) => file.endsWith('.jsonl'))
    .sort()
    .at(-1)
  if (name === undefined) return
  const path = join(directory, 'segments', name)
  const content = await readFile(path)
  const synced = Math.max(syncedEnd(content, required), await publishedEnd(directory, name))
  const cut = synced + chance.below(content.length - synced + 1)
  await truncate(path, cut)
  if (chance.below(3) === 0) return
  const garbage =
    chance.below(2) === 0
      ? Buffer.alloc(1 + chance.below(garbageBytesMax))
      : chance.bytes(1 + chance.below(garbageBytesMax))
  await writeAt(path, garbage, cut)
}

/** End of the header, of what recovery carried into this segment, and of the last line that was acknowledged. */
function syncedEnd(content: Buffer, required: number): number {
  const header = content.indexOf(0x0a) + 1
  const carried = /"carried":(\d+)/.exec(content.toString('latin1', 0, header))?.[1] ?? '0'
  let end = header + Number(carried)
  for (let start = header; start < content.length; ) {
    const next = content.indexOf(0x0a, start) + 1
    if (next === 0) break
    const position = /^\{"position":(\d+),/.exec(content.toString('latin1', start, Math.min(next, start + 40)))?.[1]
    if (position !== undefined && Number(position) <= required) end = Math.max(end, next)
    start = next
  }
  return end
}

/** What the writer has published as durable of this segment; 0 when that speaks of another one, or of nothing. */
async function publishedEnd(directory: string, segment: string): Promise<number> {
  const text = await readFile(join(directory, 'durable'), 'latin1').catch(() => '')
  const match = /^\{"segment":"([^"]+)","bytes":(\d+),/.exec(text)
  return match?.[1] === segment ? Number(match[2]) : 0
}

/** Flips one bit anywhere in the files of a journal, each byte as likely as any other. Says where. */
export async function flipBit(directory: string, chance: Chance): Promise<string> {
  const files: { readonly name: string; readonly bytes: number }[] = []
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const facts = await stat(join(directory, name))
    if (facts.isFile() && facts.size > 0) files.push({ name, bytes: facts.size })
  }
  let left = chance.below(files.reduce((sum, { bytes }) => sum + bytes, 0))
  for (const { name, bytes } of files) {
    if (left >= bytes) {
      left -= bytes
      continue
    }
    const path = join(directory, name)
    const bit = chance.below(8)
    const byte = (await readFile(path))[left] ?? 0
    await writeAt(path, Buffer.of(byte ^ (1 << bit)), left)
    return `bit ${bit} of byte ${left} of ${name}`
  }
  return 'nothing'
}

async function writeAt(path: string, content: Uint8Array, at: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(content, 0, content.length, at)
  } finally {
    await file.close()
  }
}
