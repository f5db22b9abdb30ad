// What a simulated disk remembers beside what a process sees: for every file and directory the state that is
// durable, and the effects since then, in order. surviving-state.ts chooses from them what a crash leaves.
//
// Invariants: an effect that was synced always survives; an effect that survives takes along what it needs, so that
// a file that is being moved never vanishes from both its names.

import type { DirectoryNode, EntryChange, FileNode, Renaming, TreeNode } from './file-tree.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { TreeEffects } from './tree-disk.ts'

/** pending: survives or not. durable: survives. dropped: its sync failed, so no later sync can make it durable. */
export type EffectState = 'pending' | 'durable' | 'dropped'

export type ContentEffect = { readonly sequence: number; state: EffectState } & (
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'resize'; readonly size: number }
)

export interface FileState {
  /** The durable content, before `effects`. */
  readonly base: GrowingBytes
  readonly effects: ContentEffect[]
  /** Sequence of the last effect that changed the file's size or its names. */
  lastMetadata: number
}

/** One atomic change of a directory, or one half of a move between two. */
export interface EntryEffect {
  readonly sequence: number
  readonly changes: readonly EntryChange[]
  /** Set for what moves a node: the entry that it leaves and the one that it gets. A directory's removal leaves one
   * too, since what was moved out of it goes with it. */
  readonly moves: { readonly added?: EntryChange; readonly removed?: EntryChange }
  /** Earlier effects without which this one cannot survive. */
  readonly needs: readonly EntryEffect[]
  durable: boolean
}

const nothingToDo = (): void => undefined

export class UnsyncedEffects implements TreeEffects {
  readonly #files = new WeakMap<FileNode, FileState>()
  /** Durable entries of each directory, before `entryEffects`. */
  readonly #directories = new WeakMap<DirectoryNode, Map<string, TreeNode>>()
  readonly entryEffects: EntryEffect[] = []
  /** The last effect's number. */
  sequence = 0
  /** On a file system with one metadata log: the newest effect that some sync has forced there. */
  logFloor = 0
  /** Set while the process dies in an operation: what it still does, no one has synced. */
  dying = false

  /** Takes a tree as durable, whole. */
  constructor(root: DirectoryNode) {
    this.#adopt(root)
  }

  #adopt(node: TreeNode): void {
    if (node.kind === 'file') {
      if (this.#files.has(node)) return
      this.#files.set(node, { base: new GrowingBytes(node.content.toBytes()), effects: [], lastMetadata: 0 })
    } else if (!this.#directories.has(node)) {
      this.#directories.set(node, new Map(node.entries))
      for (const child of node.entries.values()) this.#adopt(child)
    }
  }

  fileState(file: FileNode): FileState {
    this.#adopt(file)
    return this.#files.get(file) as FileState // adopted above
  }

  durableEntries(directory: DirectoryNode): Map<string, TreeNode> {
    this.#adopt(directory)
    return this.#directories.get(directory) as Map<string, TreeNode> // adopted above
  }

  wrote(
    file: FileNode,
    write: { readonly at: number; readonly bytes: Uint8Array; readonly synced: boolean },
  ): () => void {
    if (write.bytes.length === 0) return nothingToDo
    const state = this.fileState(file)
    const sequence = ++this.sequence
    const synced = write.synced && !this.dying
    if (write.at + write.bytes.length > sizeAfter(state)) state.lastMetadata = sequence
    const { at, bytes } = write
    const effect: ContentEffect = { kind: 'write', at, bytes, sequence, state: 'pending' }
    state.effects.push(effect)
    return synced ? this.#whenAnswered(state, [effect]) : nothingToDo
  }

  /** Makes these durable, unless a failed sync has dropped them meanwhile. */
  #whenAnswered(state: FileState, effects: readonly ContentEffect[]): () => void {
    const { lastMetadata } = state
    return () => {
      for (const effect of effects) if (effect.state === 'pending') effect.state = 'durable'
      this.logFloor = Math.max(this.logFloor, lastMetadata)
      fold(state)
    }
  }

  resized(file: FileNode, size: number): void {
    const state = this.fileState(file)
    const sequence = ++this.sequence
    state.lastMetadata = sequence
    state.effects.push({ kind: 'resize', size, sequence, state: 'pending' })
  }

  syncedFile(file: FileNode): () => void {
    if (this.dying) return nothingToDo
    const state = this.fileState(file)
    return this.#whenAnswered(state, [...state.effects])
  }

  /** What a failed sync does to a file: the system takes its pages for clean, whatever became of them. */
  dropUnsynced(file: FileNode): void {
    for (const effect of this.fileState(file).effects) if (effect.state === 'pending') effect.state = 'dropped'
  }

  changedEntry(change: EntryChange): void {
    this.#record([change], {}, [])
  }

  renamed({ added, removed, replaced }: Renaming): void {
    const moves = { added, removed }
    const emptied = replaced?.kind === 'directory' ? this.#whatTouches(replaced) : []
    if (added.node?.kind === 'directory') {
      // Atomic also between two directories, and only with the moves that put its new parent where it is: else a crash
      // could leave a directory inside itself, which no file system allows.
      this.#record([removed, added], moves, [...emptied, ...this.#whatLinks(added.directory)])
    } else if (added.directory === removed.directory) this.#record([removed, added], moves, emptied)
    else {
      const adding = this.#record([added], { added }, emptied)
      // Gone from the old place only when it can be found in the new one. Both halves are one operation in a log.
      this.#record([removed], { removed }, [adding, ...this.#whatLinks(added.directory)], adding.sequence)
    }
  }

  removedDirectory(removed: EntryChange, directory: DirectoryNode): void {
    // It is empty only with all that emptied it, moves to elsewhere among that.
    this.#record([removed], { removed }, this.#whatTouches(directory))
  }

  #whatTouches(directory: DirectoryNode): readonly EntryEffect[] {
    return this.entryEffects.filter((effect) => touches(effect, directory))
  }

  syncedDirectory(directory: DirectoryNode): () => void {
    if (this.dying) return nothingToDo
    const touching = this.#whatTouches(directory)
    return () => {
      for (const effect of touching) {
        effect.durable = true
        this.logFloor = Math.max(this.logFloor, effect.sequence)
      }
      this.#foldEntries()
    }
  }

  #record(
    changes: readonly EntryChange[],
    moves: EntryEffect['moves'],
    needs: readonly EntryEffect[],
    sequence: number = ++this.sequence,
  ): EntryEffect {
    const earlier = this.entryEffects.filter((before) => !before.durable && isNeeded(before, changes, moves))
    const effect: EntryEffect = { sequence, changes, moves, needs: [...needs, ...earlier], durable: false }
    this.entryEffects.push(effect)
    for (const { node } of changes) {
      if (node === undefined) continue
      this.#registerNew(node)
      if (node.kind === 'file') this.fileState(node).lastMetadata = sequence
    }
    return effect
  }

  #registerNew(node: TreeNode): void {
    if (node.kind === 'file' && !this.#files.has(node)) {
      this.#files.set(node, { base: new GrowingBytes(), effects: [], lastMetadata: 0 })
    } else if (node.kind === 'directory' && !this.#directories.has(node)) this.#directories.set(node, new Map())
  }

  /** The effects, not yet folded, by which this directory can be reached from the root. */
  #whatLinks(directory: DirectoryNode, seen: ReadonlySet<DirectoryNode> = new Set()): readonly EntryEffect[] {
    if (seen.has(directory)) return []
    const links = this.entryEffects.filter((effect) => effect.changes.some((change) => change.node === directory))
    const parents = new Set(links.flatMap((effect) => effect.changes.map((change) => change.directory)))
    const seenNow = new Set([...seen, directory])
    return [...links, ...[...parents].flatMap((parent) => this.#whatLinks(parent, seenNow))]
  }

  #foldEntries(): void {
    let count = 0
    for (const effect of this.entryEffects) {
      if (!effect.durable) break
      count++
      for (const change of effect.changes) applyEntry(this.durableEntries(change.directory), change)
    }
    this.entryEffects.splice(0, count)
  }
}

export function applyEntry(entries: Map<string, TreeNode>, change: EntryChange): void {
  if (change.node === undefined) entries.delete(change.name)
  else entries.set(change.name, change.node)
}

export function applyContent(content: GrowingBytes, effect: ContentEffect): void {
  if (effect.kind === 'write') content.write(effect.bytes, effect.at)
  else content.resize(effect.size)
}

/** Moves the synced effects at the front into the base; behind one that is not, order must be kept. */
function fold(state: FileState): void {
  let count = 0
  for (const effect of state.effects) {
    if (effect.state !== 'durable') break
    count++
    applyContent(state.base, effect)
  }
  state.effects.splice(0, count)
}

function sizeAfter(state: FileState): number {
  let size = state.base.size
  for (const effect of state.effects) {
    size = effect.kind === 'resize' ? effect.size : Math.max(size, effect.at + effect.bytes.length)
  }
  return size
}

function touches(effect: EntryEffect, directory: DirectoryNode): boolean {
  return effect.changes.some((change) => change.directory === directory)
}

function sameEntry(one: EntryChange | undefined, other: EntryChange | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return one.directory === other.directory && one.name === other.name
}

/** Whether an earlier effect moved away what stood under a name that is now reused, or moved here what now moves on:
 * without it, the moved node would be lost, or stand under two names of one directory. */
function isNeeded(before: EntryEffect, changes: readonly EntryChange[], moves: EntryEffect['moves']): boolean {
  if (changes.some((change) => sameEntry(before.moves.removed, change))) return true
  return sameEntry(before.moves.added, moves.removed)
}
