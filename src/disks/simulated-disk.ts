// A disk that can lose power. It shows a process what a disk in memory would, remembers what of that is not yet
// durable, and `crash` gives the disk as the next process could find it. Each object is the disk of one process:
// locks end with it, and a dead one answers nothing.
//
// Invariant: all chance comes from seeds, so the same calls with the same seeds leave the same bytes.

import { prng } from '../testing/prng.ts'
import type { Disk } from './disk.ts'
import type { DiskCall, DiskOperation } from './disk-call.ts'
import { type DiskError, diskError } from './disk-error.ts'
import { type DirectoryNode, findFile, newDirectory } from './file-tree.ts'
import { type CrashModel, survivingTree } from './surviving-state.ts'
import { TreeDisk } from './tree-disk.ts'
import { UnsyncedEffects } from './unsynced-effects.ts'

export interface SimulatedDiskOptions {
  readonly label?: string
  /** The process dies in this operation (the first is 1), which then happens partly or not at all. */
  readonly crashAt?: number
  /** Decides how far the operation at `crashAt` gets. */
  readonly seed?: number
  /** Keep `trace`. */
  readonly traced?: boolean
  /** Waited for between what a write or a sync does and its answer; by default a turn of the event loop. */
  readonly latency?: () => Promise<void>
}

export interface CrashOptions extends SimulatedDiskOptions {
  readonly seed: number
  /** What dies: with 'process' the process alone, so that all it wrote is there to be read, and what it had not
   * synced is still not durable; otherwise the machine, with a file system of this kind. */
  readonly model: CrashModel | 'process'
}

export interface TraceEntry extends DiskCall {
  /** 1 for the first operation. */
  readonly index: number
}

/** A tree, and which part of it is durable. */
export interface SimulatedState {
  readonly root: DirectoryNode
  readonly unsynced: UnsyncedEffects
}

const changing: ReadonlySet<DiskOperation> = new Set<DiskOperation>([
  'open',
  'write',
  'truncate',
  'makeDirectory',
  'rename',
  'remove',
  'removeDirectory',
])

export class SimulatedDisk {
  readonly disk: Disk
  /** What there is, whether this process lives or not: to compare it with another. */
  readonly state: SimulatedState
  readonly #options: SimulatedDiskOptions
  readonly #trace: TraceEntry[] = []
  #operations = 0
  #dead = false

  /** `state` is what a crash left; a new disk is empty. */
  constructor(options: SimulatedDiskOptions = {}, state: SimulatedState = emptyState()) {
    this.#options = options
    this.state = state
    this.disk = new TreeDisk({
      label: options.label ?? 'simulated',
      lockMechanism: 'simulated',
      root: state.root,
      effects: state.unsynced,
      perform: (call, act) => this.#perform(call, act),
      checkAlive: () => this.#checkAlive(),
      // What does not wait for an answer gets ahead of it.
      latency: options.latency ?? nextTurn,
    })
  }

  /** How many operations were called, the one of the crash included: all that have an effect or can fail. */
  get operations(): number {
    return this.#operations
  }

  get dead(): boolean {
    return this.#dead
  }

  get trace(): readonly TraceEntry[] {
    return this.#trace
  }

  /** Ends this process, if it lives, and gives the disk to the next one. Can be called again, for another outcome of
   * the same crash, unless the model is 'process', where the next one goes on with the very same disk. */
  crash(options: CrashOptions): SimulatedDisk {
    this.#dead = true
    const label = options.label ?? this.disk.label
    if (options.model === 'process') return new SimulatedDisk({ ...options, label }, this.state)
    const root = survivingTree(this.state.root, this.state.unsynced, {
      prng: prng(options.seed),
      model: options.model,
    })
    return new SimulatedDisk({ ...options, label }, { root, unsynced: new UnsyncedEffects(root) })
  }

  /** For the fault of a failed sync: what the file has not synced stays readable, but no later sync makes it durable,
   * as when the system marks pages clean whose writing failed. */
  dropUnsynced(path: string): void {
    this.state.unsynced.dropUnsynced(findFile(this.state.root, path, 'sync'))
  }

  #perform<T>(call: DiskCall, act: (bytes: number) => T): T {
    this.#checkAlive()
    const index = ++this.#operations
    if (this.#options.traced === true) this.#trace.push({ index, ...call })
    if (index !== this.#options.crashAt) return act(call.bytes ?? 0)
    this.#dieIn(call, act)
    throw crashed()
  }

  #dieIn(call: DiskCall, act: (bytes: number) => unknown): void {
    this.#dead = true
    const chance = prng((this.#options.seed ?? 0) ^ this.#operations)
    if (!changing.has(call.op) || chance.chance(0.5)) return
    const bytes = call.bytes ?? 0
    this.state.unsynced.dying = true
    try {
      act(chance.chance(0.5) ? bytes : chance.below(bytes + 1))
    } catch {
      // The operation would have failed, so it changed nothing; the process is dead either way.
    } finally {
      this.state.unsynced.dying = false
    }
  }

  #checkAlive(): void {
    if (this.#dead) throw crashed()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function emptyState(): SimulatedState {
  const root = newDirectory()
  return { root, unsynced: new UnsyncedEffects(root) }
}

function crashed(): DiskError {
  return diskError('ECRASHED', 'any operation on', '', 'the process that used this disk is dead')
}
