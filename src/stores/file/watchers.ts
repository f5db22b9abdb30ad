// Who wants to be woken. In the writing process the writer wakes them; in a reading process the published durable place
// is watched, and looked at now and then in case the system's notice got lost.

import type { Disk, DiskWatch } from '../../disks/disk.ts'
import { durablePath } from '../../engine/layout.ts'
import type { Clock, Timer } from '../../host/clock.ts'

const pollMs = 20

export class Watchers {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #polls: boolean
  /** One entry a call: a function that watches twice is two watchers. */
  readonly #wakes: Set<{ readonly wake: () => void }> = new Set()
  #watch: DiskWatch | undefined
  #timer: Timer | undefined

  constructor(disk: Disk, clock: Clock, options: { readonly poll: boolean }) {
    this.#disk = disk
    this.#clock = clock
    this.#polls = options.poll
  }

  add(wake: () => void): () => void {
    const entry = { wake }
    this.#wakes.add(entry)
    if (this.#polls && this.#watch === undefined) this.#start()
    return () => {
      this.#wakes.delete(entry)
      if (this.#wakes.size === 0) this.#stop()
    }
  }

  wake(): void {
    for (const { wake } of [...this.#wakes]) wake()
  }

  close(): void {
    this.wake()
    this.#stop()
    this.#wakes.clear()
  }

  #start(): void {
    this.#watch = this.#disk.watch(durablePath, () => this.wake())
    this.#pollLater()
  }

  #pollLater(): void {
    this.#timer = this.#clock.after(pollMs, () => {
      this.wake()
      this.#pollLater()
    })
  }

  #stop(): void {
    this.#watch?.close()
    this.#watch = undefined
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
