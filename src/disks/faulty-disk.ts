// A disk whose operations fail as planned: the first, the second, the third … until a script runs to its end.
// Invariant: what a fault leaves is what a real one can leave: a failed write may have stored a part, a failed sync
// has synced nothing, any other failed operation has changed nothing.

import { type Prng, prng } from '../testing/prng.ts'
import type { Disk, DiskEntry, DiskFile, DiskLock, DiskWatch, OpenOptions } from './disk.ts'
import type { DiskCall } from './disk-call.ts'
import { diskError } from './disk-error.ts'

export interface FaultPlan {
  /** Which operation fails: 1 for the first of those that `only` lets through. */
  readonly at: number
  /** forever: also all after it. */
  readonly times: 'once' | 'forever'
  /** short: a read or write does at least one byte, and fewer than asked, and says so. */
  readonly fault: 'EIO' | 'ENOSPC' | 'EACCES' | 'short'
  readonly only?: (call: DiskCall) => boolean
  /** Decides how much a short or failed write stores. */
  readonly seed?: number
  /** Told of each fault as it strikes, to let a simulated disk below lose more (SimulatedDisk.dropUnsynced). */
  readonly onFault?: (call: DiskCall) => void
}

export interface FaultyDisk extends Disk {
  /** Operations so far that the plan could have hit. */
  readonly operations: number
  /** How many of them it did. */
  readonly faults: number
}

/** Without a plan it only counts. */
export function faultyDisk(inner: Disk, plan?: FaultPlan): FaultyDisk {
  return new PlannedFaults(inner, plan)
}

class PlannedFaults implements FaultyDisk {
  readonly label: string
  readonly lockMechanism: string
  readonly #inner: Disk
  readonly #plan: FaultPlan | undefined
  readonly #prng: Prng
  #operations = 0
  #faults = 0

  constructor(inner: Disk, plan: FaultPlan | undefined) {
    this.label = inner.label
    this.lockMechanism = inner.lockMechanism
    this.#inner = inner
    this.#plan = plan
    this.#prng = prng(plan?.seed ?? 0)
  }

  get operations(): number {
    return this.#operations
  }

  get faults(): number {
    return this.#faults
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    this.#strike({ op: 'open', path })
    return this.#handle(await this.#inner.open(path, options), path)
  }

  #handle(file: DiskFile, path: string): DiskFile {
    return {
      read: async (into, at) => {
        const call = { op: 'read', path, bytes: into.length } as const
        const count = this.#strike(call) === 'short' ? this.#shortened(call) : into.length
        return await file.read(into.subarray(0, count), at)
      },
      write: async (from, at) => {
        const call = { op: 'write', path, bytes: from.length } as const
        let count = from.length
        try {
          if (this.#strike(call) === 'short') count = this.#shortened(call)
        } catch (fault) {
          if (this.#prng.chance(0.5)) await file.write(from.subarray(0, this.#prng.below(from.length + 1)), at)
          throw fault
        }
        return await file.write(from.subarray(0, count), at)
      },
      sync: async () => {
        this.#strike({ op: 'sync', path })
        await file.sync()
      },
      truncate: async (size) => {
        this.#strike({ op: 'truncate', path })
        await file.truncate(size)
      },
      size: async () => {
        this.#strike({ op: 'size', path })
        return await file.size()
      },
      close: () => file.close(),
    }
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    this.#strike({ op: 'list', path })
    return await this.#inner.list(path)
  }

  async makeDirectory(path: string): Promise<void> {
    this.#strike({ op: 'makeDirectory', path })
    await this.#inner.makeDirectory(path)
  }

  async rename(from: string, to: string): Promise<void> {
    this.#strike({ op: 'rename', path: from })
    await this.#inner.rename(from, to)
  }

  async remove(path: string): Promise<void> {
    this.#strike({ op: 'remove', path })
    await this.#inner.remove(path)
  }

  async removeDirectory(path: string): Promise<void> {
    this.#strike({ op: 'removeDirectory', path })
    await this.#inner.removeDirectory(path)
  }

  async syncDirectory(path: string): Promise<void> {
    this.#strike({ op: 'syncDirectory', path })
    await this.#inner.syncDirectory(path)
  }

  existsNow(path: string): boolean {
    this.#strike({ op: 'existsNow', path })
    return this.#inner.existsNow(path)
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    this.#strike({ op: 'lock', path })
    return await this.#inner.lock(path)
  }

  watch(path: string, changed: () => void): DiskWatch {
    return this.#inner.watch(path, changed)
  }

  /** Counts the call. Throws when it is to fail; 'short' when it is to be cut short, and can be. */
  #strike(call: DiskCall): 'short' | 'whole' {
    const plan = this.#plan
    if (plan?.only !== undefined && !plan.only(call)) return 'whole'
    this.#operations++
    if (plan === undefined) return 'whole'
    const hit = plan.times === 'once' ? this.#operations === plan.at : this.#operations >= plan.at
    if (!hit) return 'whole'
    // One byte cannot be cut short: 0 would say that a file has ended or a disk is full.
    if (plan.fault === 'short' && (call.bytes ?? 0) < 2) return 'whole'
    this.#faults++
    plan.onFault?.(call)
    if (plan.fault === 'short') return 'short'
    throw diskError(plan.fault, call.op, call.path, 'as planned')
  }

  #shortened({ bytes }: { readonly bytes: number }): number {
    return 1 + this.#prng.below(bytes - 1)
  }
}
