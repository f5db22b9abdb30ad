// What lies in the directory beside the log: the identity, the fences, the published durable place, and what does not
// belong there. Nothing is removed or moved: that is for repair, and for whoever put it there to decide.

import { movedError } from '../../core/moved.ts'
import type { Disk, DiskEntry } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { isHoldfastError } from '../../errors.ts'
import { readCopying } from '../copying-file.ts'
import { type DurablePlace, parseMark } from '../durable-mark.ts'
import { type Identity, readIdentity } from '../identity.ts'
import {
  copyingPath,
  durablePath,
  folders,
  identityPath,
  isPart,
  movedPath,
  parseFenceName,
  parseSegmentName,
} from '../layout.ts'
import { readMoved } from '../moved-file.ts'
import { readWholeFile } from '../whole-file.ts'
import { looking, tellTrouble } from './disk-trouble.ts'
import type { Findings } from './findings.ts'

const markBytes = 128
const rootFiles: ReadonlySet<string> = new Set([identityPath, durablePath, movedPath, copyingPath, 'owner.json'])
const rootFolders: ReadonlySet<string> = new Set(Object.values(folders))

/** The identity; undefined when it can't be read, which is told. */
export async function checkIdentity(disk: Disk, findings: Findings): Promise<Identity | undefined> {
  try {
    const identity = await readIdentity(disk)
    if (identity !== undefined) return identity
    const message = 'the identity is missing: the directory does not open as a journal'
    findings.damage('identity-missing', identityPath, message, { offset: 0, repair: 'identity' })
  } catch (error) {
    if (isHoldfastError(error, 'DAMAGED', 'NOT_A_JOURNAL', 'FOREIGN_FILE')) {
      const message = 'the identity is not what was written: the directory does not open as a journal'
      findings.damage('identity-damaged', identityPath, message, { offset: 0, repair: 'identity' })
    } else {
      tellTrouble(findings, identityPath, error)
    }
  }
  return undefined
}

/** Whether a copy is being made here: then there is no journal yet that could be looked at. */
export async function checkCopying(disk: Disk, findings: Findings): Promise<boolean> {
  if (disk.existsNow(identityPath) || !disk.existsNow(copyingPath)) return false
  const looked = await looking(findings, copyingPath, () => readCopying(disk).catch(unlessOurs))
  const of = looked.value === undefined ? '' : ` of ${looked.value.from}`
  const message = `the directory is an unfinished copy${of}: run holdfast copy again, or with --abandon`
  findings.damage('copy-unfinished', copyingPath, message, { offset: 0 })
  return true
}

/** Damaged or not, it is told as what it is. */
function unlessOurs(error: unknown): undefined {
  if (!isHoldfastError(error)) throw error
}

/** Everything but blobs/, which is looked at together with the blobs. Returns the segments' names, unsorted. */
export async function checkFolders(disk: Disk, findings: Findings): Promise<readonly string[]> {
  for (const { name, kind } of await entriesOf(disk, '', findings)) checkRoot(name, kind, findings)
  await checkNames(disk, folders.index, /^\d{20}(_\d{4})?\.table$/, findings)
  await checkNames(disk, folders.state, /^(\d{8,}\.table|manifest\.json)$/, findings)
  await checkNames(disk, folders.fences, /^\d{8}\.json$/, findings)
  for (const { name } of await entriesOf(disk, folders.setAside, findings)) {
    const message =
      'a copy that recovery or repair made before it cut: for people to look at, and to remove when it is of no use'
    findings.note('set-aside', `${folders.setAside}/${name}`, message)
  }
  return checkSegmentNames(disk, findings)
}

function checkRoot(name: string, kind: DiskEntry['kind'], findings: Findings): void {
  if (rootFolders.has(name) && kind !== 'directory') {
    findings.damage('not-a-directory', name, 'a file or a link stands where a directory of the journal must be', {
      repair: 'foreign',
    })
  } else if (rootFiles.has(name) && kind !== 'file') {
    findings.damage('not-a-file', name, 'a link or a directory stands where a file of the journal must be', {
      repair: 'foreign',
    })
  } else if (!rootFolders.has(name) && !rootFiles.has(name)) {
    tellStranger(name, name, kind, findings)
  }
}

async function checkNames(disk: Disk, folder: string, pattern: RegExp, findings: Findings): Promise<void> {
  for (const { name, kind } of await entriesOf(disk, folder, findings)) {
    if (!pattern.test(name) || kind !== 'file') tellStranger(`${folder}/${name}`, name, kind, findings)
  }
}

async function checkSegmentNames(disk: Disk, findings: Findings): Promise<readonly string[]> {
  const names: string[] = []
  for (const { name, kind } of await entriesOf(disk, folders.segments, findings)) {
    const path = `${folders.segments}/${name}`
    if (parseSegmentName(name) === undefined) tellStranger(path, name, kind, findings)
    else if (kind === 'file') names.push(name)
    else
      findings.damage('not-a-file', path, 'a link or a directory stands where a segment must be', { repair: 'foreign' })
  }
  return names
}

function tellStranger(path: string, name: string, kind: DiskEntry['kind'], findings: Findings): void {
  if (isPart(name) && kind === 'file') {
    findings.note('leftover', path, 'an unfinished file: it has no meaning and is removed at the next opening')
  } else {
    findings.warning('foreign-file', path, 'Holdfast did not put this here', { repair: 'foreign' })
  }
}

async function entriesOf(disk: Disk, path: string, findings: Findings): Promise<readonly DiskEntry[]> {
  const looked = await looking(findings, path, async () => {
    try {
      return await disk.list(path)
    } catch (error) {
      const code = errorCodeOf(error)
      // ENOTDIR was told when the root was listed.
      if (code === 'ENOENT' || code === 'ENOTDIR') return []
      throw error
    }
  })
  return looked.value ?? []
}

/** The published durable place; undefined when it says nothing. */
export async function checkMark(disk: Disk, findings: Findings): Promise<DurablePlace | undefined> {
  const looked = await looking(findings, durablePath, async () => {
    const bytes = await readWholeFile(disk, durablePath, markBytes)
    if (bytes === undefined) return undefined
    const mark = parseMark(bytes)
    if (mark === undefined || bytes.length !== markBytes) {
      findings.note(
        'durable-torn',
        durablePath,
        'the published durable place can not be read and says nothing: readers wait for the next one',
        { offset: 0 },
      )
      return undefined
    }
    return mark
  })
  return looked.value
}

/** Whether the journal has gone elsewhere: no damage, but nothing is written to it any more. */
export async function checkMoved(disk: Disk, findings: Findings): Promise<void> {
  try {
    const moved = await readMoved(disk)
    if (moved === undefined) return
    const message = `${movedError('the journal', moved).message}: here it is for reading only`
    findings.note(moved.state, movedPath, message)
  } catch (error) {
    if (!isHoldfastError(error, 'DAMAGED', 'FOREIGN_FILE')) return tellTrouble(findings, movedPath, error)
    const message =
      'it says where the journal was moved, and is not what was written: the journal does not open for writing'
    findings.damage('moved-damaged', movedPath, message, { offset: 0 })
  }
}

/** Fence files are never removed: what a header names must be there. */
export async function checkFences(disk: Disk, newestInLog: number, findings: Findings): Promise<void> {
  let newest = 0
  for (const { name } of await entriesOf(disk, folders.fences, findings))
    newest = Math.max(newest, parseFenceName(name) ?? 0)
  if (newest >= newestInLog) return
  const message = `fence ${newestInLog}, which the log names, is not there: a stopped writer could wake up and not notice that it was superseded`
  findings.warning('fence-missing', folders.fences, message)
}
