// A simulated process: its view of the machine's disk and clock, which end with it. Each of its disk operations waits for
// its turn before it happens; what a write or sync does and its answer are two turns (machine.ts).

import type { Disk, DiskFile, DiskLock, DiskWatch, OpenOptions } from '../../src/disks/disk.ts'
import type { Clock } from '../../src/host/clock.ts'
import type { Prng } from '../../src/testing/prng.ts'
import type { Scheduler, Waiter } from './scheduler.ts'

export class Process implements Waiter {
  readonly name: string
  readonly disk: Disk
  readonly clock: Clock
  readonly #scheduler: Scheduler
  #state: Waiter['state'] = 'running'
  /** Processes that end with this one, or when it is stopped. */
  readonly children: Set<Process> = new Set()
  readonly #locks: Set<DiskLock> = new Set()
  /** Writes that wait for their turn, as a dying process can leave them: in part. */
  readonly #writes: Set<(share: number) => void> = new Set()
  /** What timers could not do while it was stopped. */
  #late: (() => void)[] = []

  constructor(name: string, scheduler: Scheduler, machine: { readonly disk: Disk; readonly clock: Clock }) {
    this.name = name
    this.#scheduler = scheduler
    this.disk = this.#diskOn(machine.disk)
    this.clock = {
      now: () => machine.clock.now(),
      after: (delayMs, run) => machine.clock.after(delayMs, () => this.#ring(run)),
    }
  }

  get state(): Waiter['state'] {
    return this.#state
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped'
  }

  resume(): void {
    if (this.#state !== 'stopped') return
    this.#state = 'running'
    for (const run of this.#late.splice(0)) run()
  }

  /** Some of the writes that it had begun arrive in part. */
  kill(chance: Prng): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    for (const write of this.#writes) if (chance.chance(0.4)) write(chance.below(101) / 100)
    for (const lock of this.#locks) void lock.release()
  }

  #ring(run: () => void): void {
    if (this.#state === 'running') run()
    else if (this.#state === 'stopped') this.#late.push(run)
  }

  /** Waits for its turn, does it, and hears the outcome if it still lives. */
  async #do<T>(what: string, act: () => Promise<T>): Promise<T> {
    await this.#scheduler.turn(this, what, true)
    try {
      return await act()
    } finally {
      await this.#hear()
    }
  }

  #hear(): Promise<void> | undefined {
    if (this.#state === 'running') return undefined
    return this.#scheduler.turn(this, 'answer')
  }

  #diskOn(disk: Disk): Disk {
    return {
      label: disk.label,
      lockMechanism: disk.lockMechanism,
      open: async (path: string, options: OpenOptions): Promise<DiskFile> =>
        this.#file(await this.#do(`open ${path}`, () => disk.open(path, options)), path),
      list: (path) => this.#do(`list ${path}`, () => disk.list(path)),
      makeDirectory: (path) => this.#do(`makeDirectory ${path}`, () => disk.makeDirectory(path)),
      rename: (from, to) => this.#do(`rename ${from} ${to}`, () => disk.rename(from, to)),
      remove: (path) => this.#do(`remove ${path}`, () => disk.remove(path)),
      removeDirectory: (path) => this.#do(`removeDirectory ${path}`, () => disk.removeDirectory(path)),
      syncDirectory: (path) => this.#do(`syncDirectory ${path}`, () => disk.syncDirectory(path)),
      existsNow: (path) => disk.existsNow(path),
      lock: async (path) => {
        const lock = await this.#do(`lock ${path}`, () => disk.lock(path))
        if (lock !== undefined) this.#locks.add(lock)
        return lock
      },
      watch: (path, changed): DiskWatch => disk.watch(path, () => this.#ring(changed)),
    }
  }

  #file(file: DiskFile, path: string): DiskFile {
    return {
      read: (into, at) => this.#do(`read ${path} ${at}+${into.length}`, async () => file.read(into, at)),
      write: async (from, at) => {
        const partly = (share: number): void => {
          void file.write(from.subarray(0, Math.floor(from.length * share)), at).catch(() => undefined) // it is dead
        }
        this.#writes.add(partly)
        return await this.#do(`write ${path} ${at}+${from.length}`, () => {
          this.#writes.delete(partly)
          return file.write(from, at)
        })
      },
      sync: () => this.#do(`sync ${path}`, () => file.sync()),
      truncate: (size) => this.#do(`truncate ${path} ${size}`, () => file.truncate(size)),
      size: () => this.#do(`size ${path}`, () => file.size()),
      close: () => file.close(),
    }
  }
}
