// What the next process finds after a crash: the durable state, and of the effects since then a choice that POSIX
// allows, made from a seed.
//
// adversarial   any subset of directory changes and of writes, but for what needs another (unsynced-effects.ts)
// ext4          directory changes and truncations survive as a prefix of their order, as with one metadata log, and
//               a file grows only as far as its data did; writes survive as any subset
// minimal       nothing that was not synced: the one outcome that shows a missing sync for certain
//
// In the first two, a write can be torn: at a byte, or any of its 512-byte sectors can be missing. What is missing shows the
// bytes before, or zeros where the file grew.

import type { Prng } from '../testing/prng.ts'
import { type DirectoryNode, newDirectory, type TreeNode } from './file-tree.ts'
import { GrowingBytes } from './growing-bytes.ts'
import {
  applyContent,
  applyEntry,
  type ContentEffect,
  type EntryEffect,
  type FileState,
  type UnsyncedEffects,
} from './unsynced-effects.ts'

export type CrashModel = 'adversarial' | 'ext4' | 'minimal'

export const sectorBytes = 512

interface Choice {
  readonly prng: Prng
  readonly model: CrashModel
  /** How likely an effect survives: from crash to crash anything between none and all. */
  readonly share: number
  /** For a metadata log: the last effect in it. */
  readonly logEnd: number
}

/** The tree after the crash, sharing nothing with the one before. */
export function survivingTree(
  root: DirectoryNode,
  unsynced: UnsyncedEffects,
  { prng, model }: { readonly prng: Prng; readonly model: CrashModel },
): DirectoryNode {
  const logEnd = unsynced.logFloor + prng.below(unsynced.sequence - unsynced.logFloor + 1)
  const share = model === 'minimal' ? 0 : prng.below(5) / 4
  const choice = { prng, model, share, logEnd }
  const entries = new Map<DirectoryNode, Map<string, TreeNode>>()
  const entriesOf = (directory: DirectoryNode): Map<string, TreeNode> => {
    const known = entries.get(directory) ?? new Map(unsynced.durableEntries(directory))
    entries.set(directory, known)
    return known
  }
  for (const effect of survivingEntryEffects(unsynced.entryEffects, choice)) {
    for (const change of effect.changes) applyEntry(entriesOf(change.directory), change)
  }

  // A node under two names, as a move cut short leaves it, stays one node.
  const copies = new Map<TreeNode, TreeNode>()
  const copyOf = (node: TreeNode): TreeNode => {
    const known = copies.get(node)
    if (known !== undefined) return known
    if (node.kind === 'directory') return copyDirectory(node)
    const copy: TreeNode = { kind: 'file', content: survivingContent(unsynced.fileState(node), choice) }
    copies.set(node, copy)
    return copy
  }
  const copyDirectory = (directory: DirectoryNode): DirectoryNode => {
    const copy = newDirectory()
    copies.set(directory, copy)
    for (const [name, node] of entriesOf(directory)) copy.entries.set(name, copyOf(node))
    return copy
  }
  return copyDirectory(root)
}

/** In order. Chosen from the last to the first, since each takes along what it needs, and that is earlier. */
function survivingEntryEffects(effects: readonly EntryEffect[], choice: Choice): readonly EntryEffect[] {
  const surviving = new Set<EntryEffect>()
  for (const effect of effects.toReversed()) {
    const chosen = choice.model === 'ext4' ? effect.sequence <= choice.logEnd : choice.prng.chance(choice.share)
    if (!effect.durable && !chosen && !surviving.has(effect)) continue
    surviving.add(effect)
    for (const needed of effect.needs) surviving.add(needed)
  }
  return effects.filter((effect) => surviving.has(effect))
}

function survivingContent(state: FileState, choice: Choice): GrowingBytes {
  const content = new GrowingBytes(state.base.toBytes())
  for (const effect of state.effects) {
    if (effect.state === 'durable') applyContent(content, effect)
    else if (effect.kind === 'write') applyPartly(content, effect, choice)
    else if (resizeSurvives(effect, choice)) applyContent(content, effect)
  }
  return content
}

function resizeSurvives(effect: ContentEffect, { prng, model, share, logEnd }: Choice): boolean {
  if (model === 'ext4' && effect.state === 'pending') return effect.sequence <= logEnd
  return prng.chance(share)
}

interface Stretch {
  readonly from: number
  readonly to: number
}

function applyPartly(
  content: GrowingBytes,
  { at, bytes }: { readonly at: number; readonly bytes: Uint8Array },
  { prng, model, share }: Choice,
): void {
  const stretches = prng.chance(share) ? stretchesOf({ from: at, to: at + bytes.length }, prng) : []
  for (const { from, to } of stretches) content.write(bytes.subarray(from - at, to - at), from)
  // The size can be durable before the data that made it.
  const grows = at + bytes.length > content.size
  if (grows && model === 'adversarial' && prng.chance(share / 2)) content.resize(at + bytes.length)
}

/** What of a write arrives: all, a part up to some byte, from some byte on, or any of its sectors. */
function stretchesOf(whole: Stretch, prng: Prng): readonly Stretch[] {
  const middle = whole.from + prng.below(whole.to - whole.from + 1)
  switch (prng.below(5)) {
    case 0:
      return [{ from: whole.from, to: middle }]
    case 1:
      return [{ from: middle, to: whole.to }]
    case 2:
      return sectorsOf(whole).filter(() => prng.chance(0.5))
    default:
      return [whole]
  }
}

function sectorsOf(whole: Stretch): readonly Stretch[] {
  const sectors: Stretch[] = []
  for (let from = whole.from; from < whole.to; ) {
    const to = Math.min(whole.to, (Math.floor(from / sectorBytes) + 1) * sectorBytes)
    sectors.push({ from, to })
    from = to
  }
  return sectors
}
