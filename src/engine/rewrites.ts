// Finishing what a crash cut off: a rewrite that is journaled but whose file has not taken its name yet, or whose
// forerunners are still there. Each step can be done again.

import type { RemovedControl, RewriteControl } from '../core/control.ts'
import { checkLine, lineKind, parseControlLine } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { limits } from '../limits.ts'
import type { Catalog } from './catalog.ts'
import { digestOf } from './file-digest.ts'
import { folders, segmentPath } from './layout.ts'
import { LineReader } from './line-reader.ts'
import { type Segment, sealedOf } from './segment.ts'
import { firstName, type State } from './state.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'
import { listNames } from './whole-file.ts'

export interface RewriteContext {
  readonly disk: Disk
  readonly catalog: Catalog
  readonly state: State
  readonly isWriter: boolean
}

/** Returns what the state tables must learn together with the catalog, because it follows from no record of the log. */
export async function finishRewrites(log: RewriteContext): Promise<ReadonlyMap<string, unknown>> {
  const derived: Derived = new Map()
  let names: ReadonlySet<string> | undefined
  for await (const page of log.state.scan<RewriteControl>(kindPrefix.rewrite)) {
    names ??= new Set(await listNames(log.disk, folders.segments))
    for (const [, rewrite] of page) await finish(log, rewrite, { names, derived })
  }
  for (const [key, value] of derived) log.state.setEntry(key, value)
  return derived
}

type Derived = Map<string, unknown>

async function finish(
  log: RewriteContext,
  rewrite: RewriteControl,
  { names, derived }: { readonly names: ReadonlySet<string>; readonly derived: Derived },
): Promise<void> {
  const target = firstName(rewrite.old)
  if (names.has(`${target}.part`)) {
    const isReady = await holds(log.disk, `${segmentPath(target)}.part`, rewrite)
    // Not ready: it belongs to a later rewrite that was cut off before it was journaled, and is thrown away.
    if (isReady && !log.isWriter) return
    if (isReady) await putInPlace(log.disk, rewrite)
  }
  if (log.isWriter) await removeReplaced(log.disk, rewrite, names)
  const adopted = adopt(log.catalog, rewrite)
  if (adopted !== undefined) await readThrough(log, adopted, derived)
}

/** The part takes its name: from here on the rewrite is what the log says. */
export async function putInPlace(disk: Disk, rewrite: RewriteControl): Promise<void> {
  const path = segmentPath(firstName(rewrite.old))
  await disk.rename(`${path}.part`, path)
  await disk.syncDirectory(folders.segments)
}

export async function removeReplaced(disk: Disk, rewrite: RewriteControl, names?: ReadonlySet<string>): Promise<void> {
  let removed = false
  for (const [name] of rewrite.old.slice(1)) {
    if (names !== undefined && !names.has(name)) continue
    await disk.remove(segmentPath(name))
    removed = true
  }
  if (removed) await disk.syncDirectory(folders.segments)
}

/** The catalog follows; undefined when it was made from the rewritten file already. */
function adopt(catalog: Catalog, rewrite: RewriteControl): Segment | undefined {
  const replaced = new Set(rewrite.old.map(([name]) => name))
  const entries = catalog.sealed.filter(({ facts }) => replaced.has(facts.name))
  const first = entries[0]
  if (first === undefined) return undefined
  const { name, number, first: position, sealed } = first.facts
  if (entries.length === 1 && (sealed?.sha256 === rewrite.sha256 || sealed?.sha256 === '')) {
    first.facts = { ...first.facts, sealed: { bytes: rewrite.bytes, sha256: rewrite.sha256 } }
    return undefined
  }
  const isOld = rewrite.old.some(
    ([old, sha256]) => old === name && (sha256 === sealed?.sha256 || sealed?.sha256 === ''),
  )
  if (!isOld) return undefined // rewritten again since: a later record says what it is now
  return catalog.replace(entries, {
    name,
    number,
    first: position,
    sealed: { bytes: rewrite.bytes, sha256: rewrite.sha256 },
  })
}

/** What the tables don't know yet of a rewritten file: where blobs stand in it now, and how many events are left. */
async function readThrough(log: RewriteContext, segment: Segment, derived: Derived): Promise<void> {
  let events = 0
  await segment.with(async (file) => {
    const header = await segment.header()
    const to = sealedOf(segment.facts).bytes
    const lines = new LineReader(file, { from: header.bytes, to, chunkBytes: limits.pageBytes })
    while (await lines.load()) {
      while (lines.next()) {
        const { buffer, start, end, offset } = lines
        if (lineKind(buffer, start) === 'event') events++
        if (lineKind(buffer, start) !== 'control' || checkLine(buffer, start, end) === undefined) continue
        const { control } = parseControlLine(buffer.toString('utf8', start, end))
        if (control.control === 'removed') await noteRemoved(log.state, control, derived)
        if (control.control !== 'blob' || control.data === undefined) continue
        derived.set(stateKeys.blob(control.digest), { bytes: control.bytes, at: [segment.facts.number, offset] })
      }
    }
  })
  segment.facts = { ...segment.facts, events, isResidue: events === 0 }
}

/** What is left of a stream begins behind what was removed of it. */
async function noteRemoved(state: State, stub: RemovedControl, derived: Derived): Promise<void> {
  for (const [stream, , last] of stub.streams) {
    const key = stateKeys.truncated(stream)
    const known = Math.max(Number(derived.get(key) ?? 0), (await state.loadEntry<number>(key)) ?? 0)
    derived.set(key, Math.max(known, last + 1))
  }
}

async function holds(disk: Disk, path: string, rewrite: RewriteControl): Promise<boolean> {
  const file = await disk.open(path, { mode: 'read' })
  try {
    if ((await file.size()) !== rewrite.bytes) return false
    return (await digestOf(file, rewrite.bytes)).digest('hex') === rewrite.sha256
  } finally {
    await file.close()
  }
}
