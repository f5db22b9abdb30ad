// journal.json: which journal this is. Written once, when a journal is made; its appearance under its final name is
// the moment from which the directory is a journal.

import { formatVersion, refuseNewer } from '../core/header.ts'
import { bodySum, hex8, ifJson } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import type { CopyNote } from '../stores/copy-port.ts'
import type { Ancestor } from '../stores/store.ts'
import { identityPath } from './layout.ts'
import { readWholeFile, writeWholeFile } from './whole-file.ts'

export interface Identity extends CopyMarks {
  readonly journal: string
  readonly epoch: string
  readonly created: number
  /** The mechanism of the lock, so that two kinds never meet. */
  readonly lock: string
}

/** Of a journal that was made by copying. */
interface CopyMarks {
  readonly ancestors?: readonly Ancestor[]
  readonly copy?: Pick<CopyNote, 'id' | 'from' | 'source' | 'begun'>
}

/** Room for the ancestors of a fork of a fork of a fork. */
const identityBytesMax = 1_048_576

export async function writeIdentity(disk: Disk, identity: Identity): Promise<void> {
  await writeWholeFile(disk, identityPath, identityLine(identity))
  await disk.syncDirectory('')
}

/** Fields that are not there are left out. */
export function identityLine({ journal, epoch, created, lock, ancestors, copy }: Identity): Buffer {
  const fields = { holdfast: formatVersion, journal, epoch, created, lock, ancestors, copy }
  return summedLine(fields)
}

/** A line of its own with its checksum, as files of one line have it. */
export function summedLine(fields: object): Buffer {
  const body = JSON.stringify(fields).slice(0, -1)
  return Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"}\n`)
}

/** What such a line holds; undefined when it isn't what was written. */
export function parseSummedLine(text: string): Readonly<Record<string, unknown>> | undefined {
  const match = summedPattern.exec(text)
  if (match === null || hex8(bodySum(match[1] as string)) !== match[2]) return undefined
  return ifJson(() => JSON.parse(text) as Readonly<Record<string, unknown>>)
}

const summedPattern = /^(\{"holdfast":\d+,.*),"sum":"([0-9a-f]{8})"\}\n$/

/** undefined when there is none; NOT_A_JOURNAL when the file is something else, DAMAGED when it was ours. */
export function readIdentity(disk: Disk): Promise<Identity | undefined> {
  return readIdentityFile(disk, { path: identityPath, hint: 'repair() with "identity" writes it anew from the log.' })
}

/** The same under the name that it has while a copy is made. */
export async function readIdentityFile(
  disk: Disk,
  { path, hint }: { readonly path: string; readonly hint: string },
): Promise<Identity | undefined> {
  const bytes = await readWholeFile(disk, path, identityBytesMax)
  if (bytes === undefined) return undefined
  const text = bytes.toString('utf8')
  const version = /^\{"holdfast":(\d+),/.exec(text)?.[1]
  if (version === undefined || !summedPattern.test(text)) {
    const ours = text.startsWith('{"holdfast":')
    throw new HoldfastError(
      ours ? 'DAMAGED' : 'NOT_A_JOURNAL',
      ours ? `${disk.label}/${path} is damaged` : `${disk.label}/${path} was not written by Holdfast`,
      {
        hint: ours ? hint : 'Choose another directory, or move that file away if it is not needed.',
        details: { file: path, offset: 0 },
      },
    )
  }
  refuseNewer(Number(version), `${disk.label}/${path}`)
  const identity = parseSummedLine(text) as Identity | undefined
  if (identity === undefined) {
    throw new HoldfastError('DAMAGED', `${disk.label}/${path} is not what was written`, {
      hint,
      details: { file: path, offset: 0 },
    })
  }
  return identity
}
