// The disk port over a tree in memory, for the memory disk and the simulated disk. Every operation goes through
// `perform`, which can count it, cut it short or refuse it, and every effect is told to `effects`, which can
// remember what is not yet durable. Invariant: an operation takes effect at its call, in the order of the calls; its answer
// comes later, and nothing is durable before the answer.

import type { Disk, DiskFile, DiskLock, DiskWatch, OpenOptions } from './disk.ts'
import type { DiskCall } from './disk-call.ts'
import { diskError } from './disk-error.ts'
import { parentPath, pathParts } from './disk-path.ts'
import * as tree from './file-tree.ts'

type Answered = () => void

export interface TreeEffects {
  /** What to call when the answer arrives: a synced write is durable then, and not before. */
  wrote(
    file: tree.FileNode,
    write: { readonly at: number; readonly bytes: Uint8Array; readonly synced: boolean },
  ): Answered
  resized(file: tree.FileNode, size: number): void
  syncedFile(file: tree.FileNode): Answered
  changedEntry(change: tree.EntryChange): void
  renamed(renaming: tree.Renaming): void
  removedDirectory(removed: tree.EntryChange, directory: tree.DirectoryNode): void
  syncedDirectory(directory: tree.DirectoryNode): Answered
}

export interface TreeDiskParts {
  readonly label: string
  readonly lockMechanism: string
  readonly root: tree.DirectoryNode
  readonly effects: TreeEffects
  /** Calls `act` to let the operation happen, for a write with how many bytes of it; throws to refuse. */
  perform<T>(call: DiskCall, act: (bytes: number) => T): T
  /** Throws when there is no process any more that could do anything; also asked before an answer arrives. */
  checkAlive(): void
  /** How long the answer to a write or a sync takes; others come at once. */
  readonly latency?: () => Promise<void>
}

/** The operations after which something is durable. */
const slow: ReadonlySet<DiskCall['op']> = new Set<DiskCall['op']>(['write', 'sync', 'syncDirectory'])

export class TreeDisk implements Disk {
  readonly label: string
  readonly lockMechanism: string
  readonly #parts: TreeDiskParts
  readonly #locked = new Set<tree.FileNode>()
  readonly #watchers = new Set<{ readonly path: string; readonly changed: () => void }>()

  constructor(parts: TreeDiskParts) {
    this.label = parts.label
    this.lockMechanism = parts.lockMechanism
    this.#parts = parts
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    const file = await this.#answer({ op: 'open', path }, () => {
      const { root, effects } = this.#parts
      const create = options.create ?? 'never'
      const existing = tree.find(root, path, 'open')
      if (existing === undefined && create !== 'never') {
        const change = tree.createFile(root, path)
        effects.changedEntry(change)
        this.#notify(path)
      } else if (existing !== undefined && create === 'exclusive') throw diskError('EEXIST', 'open', path)
      return tree.findFile(root, path, 'open')
    })
    return this.#handle(file, path, options)
  }

  #handle(file: tree.FileNode, path: string, options: OpenOptions): DiskFile {
    const { effects, checkAlive } = this.#parts
    let closed = false
    const run = <T>(call: DiskCall, act: (bytes: number) => T): Promise<T> =>
      this.#answer(call, (bytes) => {
        if (closed) throw diskError('EBADF', call.op, path, 'the file is closed')
        if (options.mode === 'read' && (call.op === 'write' || call.op === 'truncate')) {
          throw diskError(call.op === 'write' ? 'EBADF' : 'EINVAL', call.op, path, 'the file is open for reading')
        }
        return act(bytes)
      })
    return {
      read: (into, at) => run({ op: 'read', path, bytes: into.length }, () => file.content.read(into, at)),
      write: async (from, at) => {
        let answered: Answered | undefined
        const written = await run({ op: 'write', path, bytes: from.length }, (count) => {
          const bytes = new Uint8Array(from.subarray(0, count)) // a copy: slice() of a Buffer would be a view
          file.content.write(bytes, at)
          answered = effects.wrote(file, { at, bytes, synced: options.mode === 'synced' })
          this.#notify(path)
          return count
        })
        answered?.()
        return written
      },
      sync: async () => (await run({ op: 'sync', path }, () => effects.syncedFile(file)))(),
      truncate: (size) =>
        run({ op: 'truncate', path }, () => {
          file.content.resize(size)
          effects.resized(file, size)
          this.#notify(path)
        }),
      size: () => run({ op: 'size', path }, () => file.content.size),
      close: async () => {
        checkAlive()
        closed = true
      },
    }
  }

  list(path: string): ReturnType<Disk['list']> {
    return this.#answer({ op: 'list', path }, () => {
      const { entries } = tree.findDirectory(this.#parts.root, path, 'list')
      return [...entries].map(([name, node]) => ({ name, kind: node.kind }))
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#answer({ op: 'makeDirectory', path }, () => {
      this.#parts.effects.changedEntry(tree.makeDirectory(this.#parts.root, path))
      this.#notify(path)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#answer({ op: 'rename', path: from }, () => {
      const renaming = tree.rename(this.#parts.root, from, to)
      if (renaming === undefined) return
      this.#parts.effects.renamed(renaming)
      this.#notify(from)
      this.#notify(to)
    })
  }

  remove(path: string): Promise<void> {
    return this.#answer({ op: 'remove', path }, () => {
      this.#parts.effects.changedEntry(tree.remove(this.#parts.root, path))
      this.#notify(path)
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#answer({ op: 'removeDirectory', path }, () => {
      const directory = tree.findDirectory(this.#parts.root, path, 'removeDirectory')
      this.#parts.effects.removedDirectory(tree.removeDirectory(this.#parts.root, path), directory)
      this.#notify(path)
    })
  }

  async syncDirectory(path: string): Promise<void> {
    const answered = await this.#answer({ op: 'syncDirectory', path }, () =>
      this.#parts.effects.syncedDirectory(tree.findDirectory(this.#parts.root, path, 'syncDirectory')),
    )
    answered()
  }

  existsNow(path: string): boolean {
    return this.#parts.perform({ op: 'existsNow', path }, () => {
      const parts = pathParts(path)
      let node: tree.TreeNode | undefined = this.#parts.root
      for (const name of parts) node = node?.kind === 'directory' ? node.entries.get(name) : undefined
      return node !== undefined
    })
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.#answer({ op: 'lock', path }, () => {
      const file = tree.findFile(this.#parts.root, path, 'lock')
      if (this.#locked.has(file)) return undefined
      this.#locked.add(file)
      let held = true
      return {
        release: async () => {
          if (held) this.#locked.delete(file)
          held = false
        },
      }
    })
  }

  watch(path: string, changed: () => void): DiskWatch {
    pathParts(path)
    const watcher = { path, changed }
    this.#watchers.add(watcher)
    return { close: () => void this.#watchers.delete(watcher) }
  }

  #notify(path: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.path !== path && watcher.path !== parentPath(path)) continue
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.changed()
      })
    }
  }

  async #answer<T>(call: DiskCall, act: (bytes: number) => T): Promise<T> {
    const result = this.#parts.perform(call, act)
    // A process that died meanwhile never hears the answer.
    await (slow.has(call.op) ? this.#parts.latency?.() : undefined)
    this.#parts.checkAlive()
    return result
  }
}
