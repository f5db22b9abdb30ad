// The manifest: which tables make up the set, newest first, and the caller's note. One line of JSON that ends with a
// checksum over all before it. Replaced as a whole: written beside, synced, renamed, directory synced.
// Invariant: a manifest that is read vouches for itself, and its tables were durable before it was.

import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { readFully, writeFully } from '../../disks/whole-io.ts'
import { isCount, isPointer } from './pointer.ts'
import type { TableDescription } from './table-writer.ts'

const format = 1
const manifestBytesMax = 16_777_216

export interface TableManifest {
  /** The number for the next table: names are never used twice, so that a late reader can't take one for another. */
  readonly nextTable: number
  /** Newest first. */
  readonly tables: readonly TableDescription[]
  readonly note: string
}

export type StoredManifest =
  | { readonly state: 'ready'; readonly manifest: TableManifest; readonly bytes: Buffer }
  | { readonly state: 'absent'; readonly why: string }
  | { readonly state: 'damaged'; readonly why: string }

export function manifestPath(folder: string): string {
  return `${folder}/manifest.json`
}

export function encodeManifest(manifest: TableManifest): Buffer {
  const { nextTable, tables, note } = manifest
  const body = JSON.stringify({ format, nextTable, tables, note }).slice(0, -1)
  return Buffer.from(`${body}${ending(Buffer.from(body))}`)
}

/** undefined when these are not the bytes of a manifest of this format. */
export function decodeManifest(bytes: Buffer): TableManifest | undefined {
  const body = bytes.subarray(0, Math.max(0, bytes.length - endingBytes))
  if (bytes.toString('latin1', body.length) !== ending(body)) return undefined
  try {
    // What begins such a body can only be an object.
    const parsed: Fields<TableManifest> = JSON.parse(`${body.toString()}}`)
    return isManifest(parsed) ? parsed : undefined
  } catch {
    // Not JSON in spite of its checksum: not written by us.
    return undefined
  }
}

function ending(body: Buffer): string {
  return `,"sum":"${crc32(body).toString(16).padStart(8, '0')}"}\n`
}

const endingBytes = ending(Buffer.alloc(0)).length

type Fields<T> = Partial<Record<keyof T | 'format', unknown>>

function isManifest(manifest: Fields<TableManifest>): manifest is TableManifest {
  return (
    manifest.format === format &&
    isCount(manifest.nextTable) &&
    typeof manifest.note === 'string' &&
    Array.isArray(manifest.tables) &&
    manifest.tables.every(isDescription)
  )
}

function isDescription(value: unknown): value is TableDescription {
  if (typeof value !== 'object' || value === null) return false
  const table = value as Fields<TableDescription>
  return (
    typeof table.name === 'string' &&
    /^\d{8,}$/.test(table.name) &&
    isCount(table.bytes) &&
    isCount(table.entries) &&
    isPointer(table.footer)
  )
}

export async function loadManifest(disk: Disk, folder: string): Promise<StoredManifest> {
  const path = manifestPath(folder)
  const damaged = (why: string) => ({ state: 'damaged', why: `${path} is not a manifest: ${why}` }) as const
  let file: DiskFile
  try {
    file = await disk.open(path, { mode: 'read' })
  } catch (error) {
    const code = errorCodeOf(error)
    if (code === 'ENOENT') return { state: 'absent', why: `${path} is missing` }
    if (code === 'ENOTFILE') return damaged('not a regular file')
    throw error
  }
  try {
    const size = await file.size()
    if (size > manifestBytesMax) return damaged(`${size} bytes long`)
    const buffer = Buffer.allocUnsafeSlow(size)
    const bytes = buffer.subarray(0, await readFully(file, buffer, 0))
    const manifest = decodeManifest(bytes)
    return manifest === undefined ? damaged('wrong checksum or format') : { state: 'ready', manifest, bytes }
  } finally {
    await file.close()
  }
}

/** Durable when it resolves. After a throw, either the old or the new manifest is there. */
export async function storeManifest(disk: Disk, folder: string, manifest: TableManifest): Promise<Buffer> {
  const path = manifestPath(folder)
  const part = `${path}.part`
  const bytes = encodeManifest(manifest)
  // Before the manifest can be there, the tables that it lists must be: also their names, not only their content.
  await disk.syncDirectory(folder)
  const file = await disk.open(part, { mode: 'write', create: 'maybe' })
  try {
    await file.truncate(0)
    await writeFully(file, bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(part, path)
  await disk.syncDirectory(folder)
  return bytes
}
