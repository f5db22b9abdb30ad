// A disk that dies at a named place: before, after or in the middle of a chosen call of the disk port. Every effect of the
// engine goes through that port, so a place between two lines of the engine is a place between two calls of the disk,
// and the engine needs no hooks of its own. What dying means is the caller's: a test kills its process.
//
// Invariant: until the place is reached, it does exactly what the disk below does.

import type { Directories, NewDirectory } from '../disks/directories.ts'
import type { Disk, DiskEntry, DiskFile, DiskLock, DiskWatch, OpenMode, OpenOptions } from '../disks/disk.ts'
import type { DiskOperation } from '../disks/disk-call.ts'

/** A call of the disk port, or the commit of a directory in the making (a backup, an import). */
export interface FailpointCall {
  readonly op: DiskOperation | 'commit'
  readonly path: string
  /** What a rename gives the file. */
  readonly to?: string
  /** What is written. */
  readonly content?: Uint8Array
  /** How the file at `path` was made, if this disk made it. For a directory: the file last renamed into it. */
  readonly made?: OpenMode | undefined
  /** Until a writer publishes its first durable place it is recovering. */
  readonly phase: 'opening' | 'open'
}

export interface Failpoint {
  readonly name: string
  /** torn: a part of what is written is stored. */
  readonly when: 'before' | 'after' | 'torn'
  readonly at: (call: FailpointCall) => boolean
  /** What must hold when the process has died here. */
  readonly holds: string
}

export interface FailpointPlan {
  readonly point: Failpoint
  /** 1 dies the first time that the point is reached. */
  readonly hit: number
  readonly die: () => void
}

export interface Failing {
  readonly disk: Disk
  /** For backups or imports, with `name` before their paths. */
  directories(inner: Directories, name: string): Directories
}

export function failpointDisk(inner: Disk, plan: FailpointPlan): Failing {
  const watch = new Watch(plan)
  return {
    disk: new FailpointDisk(inner, watch, ''),
    directories: (directories, name) => failpointDirectories(directories, watch, name),
  }
}

/** Counts the hits of one point over all disks that it is watched on. */
class Watch {
  readonly #plan: FailpointPlan
  readonly #made: Map<string, OpenMode> = new Map()
  /** By path: what was last opened there. A file that is renamed keeps its handle. */
  readonly #opened: Map<string, { path: string }> = new Map()
  #hits = 0
  #phase: FailpointCall['phase'] = 'opening'

  constructor(plan: FailpointPlan) {
    this.#plan = plan
  }

  async around<T>(call: Omit<FailpointCall, 'phase'>, run: () => Promise<T>): Promise<T> {
    this.#reach(call, 'before')
    const result = await run()
    this.#reach(call, 'after')
    return result
  }

  /** Whether to die in the middle of this write. */
  tears(call: Omit<FailpointCall, 'phase'>): boolean {
    return this.#isDue(call, 'torn')
  }

  die(): void {
    this.#plan.die()
  }

  /** The file's path, as renames change it. */
  noteOpened(path: string, { mode, create }: OpenOptions): { readonly path: string } {
    if (create === 'exclusive' || create === 'maybe') this.#made.set(path, mode)
    if (path === 'durable' && mode === 'write') this.#phase = 'open'
    const named = { path }
    this.#opened.set(path, named)
    return named
  }

  noteRenamed(from: string, to: string): void {
    const named = this.#opened.get(from)
    if (named !== undefined) {
      named.path = to
      this.#opened.delete(from)
      this.#opened.set(to, named)
    }
    const mode = this.#made.get(from)
    if (mode === undefined) return
    this.#made.set(to, mode)
    this.#made.set(to.slice(0, Math.max(0, to.lastIndexOf('/'))), mode)
  }

  made(path: string): OpenMode | undefined {
    return this.#made.get(path)
  }

  #reach(call: Omit<FailpointCall, 'phase'>, when: Failpoint['when']): void {
    if (this.#isDue(call, when)) this.die()
  }

  #isDue(call: Omit<FailpointCall, 'phase'>, when: Failpoint['when']): boolean {
    const { point, hit } = this.#plan
    return point.when === when && point.at({ ...call, phase: this.#phase }) && ++this.#hits === hit
  }
}

class FailpointDisk implements Disk {
  readonly label: string
  readonly lockMechanism: string
  readonly #inner: Disk
  readonly #watch: Watch
  readonly #prefix: string

  constructor(inner: Disk, watch: Watch, prefix: string) {
    this.label = inner.label
    this.lockMechanism = inner.lockMechanism
    this.#inner = inner
    this.#watch = watch
    this.#prefix = prefix
  }

  #around<T>(op: DiskOperation, path: string, run: () => Promise<T>, more: Partial<FailpointCall> = {}): Promise<T> {
    return this.#watch.around({ op, path, made: this.#watch.made(path), ...more }, run)
  }

  #full(path: string): string {
    return `${this.#prefix}${path}`
  }

  open(path: string, options: OpenOptions): Promise<DiskFile> {
    return this.#around('open', this.#full(path), async () => {
      const file = await this.#inner.open(path, options)
      return this.#handle(file, this.#watch.noteOpened(this.#full(path), options))
    })
  }

  #handle(file: DiskFile, named: { readonly path: string }): DiskFile {
    return {
      read: (into, at) => this.#around('read', named.path, async () => file.read(into, at)),
      write: (from, at) => this.#write(file, named.path, from, at),
      sync: () => this.#around('sync', named.path, () => file.sync()),
      truncate: (size) => this.#around('truncate', named.path, () => file.truncate(size)),
      size: () => this.#around('size', named.path, () => file.size()),
      close: () => file.close(),
    }
  }

  async #write(file: DiskFile, path: string, content: Uint8Array, at: number): Promise<number> {
    if (this.#watch.tears({ op: 'write', path, made: this.#watch.made(path), content })) {
      await file.write(content.subarray(0, Math.ceil(content.length / 2)), at)
      this.#watch.die()
    }
    return this.#around('write', path, () => file.write(content, at), { content })
  }

  list(path: string): Promise<readonly DiskEntry[]> {
    return this.#around('list', this.#full(path), () => this.#inner.list(path))
  }

  makeDirectory(path: string): Promise<void> {
    return this.#around('makeDirectory', this.#full(path), () => this.#inner.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    const rename = async (): Promise<void> => {
      await this.#inner.rename(from, to)
      this.#watch.noteRenamed(this.#full(from), this.#full(to))
    }
    return this.#around('rename', this.#full(from), rename, { to: this.#full(to) })
  }

  remove(path: string): Promise<void> {
    return this.#around('remove', this.#full(path), () => this.#inner.remove(path))
  }

  removeDirectory(path: string): Promise<void> {
    return this.#around('removeDirectory', this.#full(path), () => this.#inner.removeDirectory(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.#around('syncDirectory', this.#full(path), () => this.#inner.syncDirectory(path))
  }

  existsNow(path: string): boolean {
    return this.#inner.existsNow(path)
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.#around('lock', this.#full(path), () => this.#inner.lock(path))
  }

  watch(path: string, changed: () => void): DiskWatch {
    return this.#inner.watch(path, changed)
  }
}

function failpointDirectories(inner: Directories, watch: Watch, name: string): Directories {
  return {
    async begin(path: string): Promise<NewDirectory> {
      const made = await inner.begin(path)
      return {
        disk: new FailpointDisk(made.disk, watch, `${name}/`),
        commit: () => watch.around({ op: 'commit', path: name }, () => made.commit()),
        discard: () => made.discard(),
      }
    },
  }
}
