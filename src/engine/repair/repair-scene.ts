// What the repairs share: the directory with its segments' names and headers as they are found, without opening the
// log, and how something is put aside.

import type { ParsedHeader } from '../../core/header.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import { readMark } from '../durable-mark.ts'
import { compareNames, folders, parseSegmentName, segmentPath } from '../layout.ts'
import { readHeader } from '../segment.ts'
import { setAside } from '../set-aside.ts'
import { scanTail, type Tail } from '../tail-scan.ts'
import { listNames } from '../whole-file.ts'

export interface RepairScene {
  readonly disk: Disk
  readonly clock: Clock
  /** Of the writer's lock that repair holds; 0 in a dry run. */
  readonly fence: number
}

/** What one repair is going to do. Nothing has changed yet. */
export interface PlannedRepair {
  /** File, or folder, that it is about. */
  readonly file: string
  readonly message: string
  readonly eventsLost: number
  /** Does it; returns the copies that were made. */
  carryOut(): Promise<readonly string[]>
}

export interface FoundSegment {
  readonly name: string
  readonly path: string
  readonly bytes: ByteOffset
  readonly header: ParsedHeader | undefined
}

/** In log order. */
export async function findSegments(disk: Disk): Promise<readonly FoundSegment[]> {
  const names = (await listNames(disk, folders.segments)).filter((name) => parseSegmentName(name) !== undefined)
  const found: FoundSegment[] = []
  for (const name of names.sort(compareNames)) {
    const path = segmentPath(name)
    found.push(
      await withFile(disk, path, async (file) => ({
        name,
        path,
        bytes: await file.size(),
        header: await readHeader(file, `${disk.label}/${path}`),
      })),
    )
  }
  return found
}

export async function withFile<T>(disk: Disk, path: string, use: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, { mode: 'read' })
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** What is at the end of the newest segment, which is read from its beginning: a repair takes nothing on trust. */
export async function scanNewest(disk: Disk, segment: FoundSegment, header: ParsedHeader): Promise<Tail> {
  const mark = await readMark(disk)
  const marked = mark?.segment === segment.name ? mark.bytes : 0
  const witness = Math.max(header.bytes + header.header.carried, marked)
  const start = { from: header.bytes, witness, position: header.header.first - 1 }
  return withFile(disk, segment.path, (file) => scanTail(file, segment.bytes, start))
}

/** A durable copy of a file from an offset on; returns its path. */
export function copyAside(disk: Disk, path: string, from: ByteOffset): Promise<string> {
  return withFile(disk, path, async (file) =>
    setAside(disk, { file, name: path.replaceAll('/', '_'), from, to: await file.size() }),
  )
}

export function doesNotApply(action: { readonly do: string }, why: string, hint?: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', `the repair ${JSON.stringify(action)} does not apply: ${why}`, {
    hint: hint ?? 'Run verify() and choose among the repairs that its findings name. Nothing was changed.',
    details: { action },
  })
}
