// Waiting for something to change in the inbox: woken by the system's notice, by a look now and then in case that got
// lost, by the end of the time, and by the signal. Holds nothing back once it has ended.

import type { Disk, DiskWatch } from '../disks/disk.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { folders } from './layout.ts'

const pollMs = 15
/** The longest that a timer of the system can be set to: some 25 days. */
const timerMsMax = 2_147_483_647
/** A living owner answers well within this. */
const silentMs = 500

export class Wait {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  readonly #deadline: Timer
  #watch: DiskWatch | undefined
  #poll: Timer | undefined
  #silence: Timer | undefined
  #isOver = false
  #isSilent = false
  #rang = false
  #wake: (() => void) | undefined
  readonly #ring = (): void => {
    this.#rang = true
    this.#wake?.()
  }

  constructor(
    disk: Disk,
    clock: Clock,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ) {
    this.#disk = disk
    this.#clock = clock
    this.#signal = options.signal
    this.#signal?.addEventListener('abort', this.#ring)
    this.#deadline = clock.after(Math.min(options.timeoutMs, timerMsMax), () => {
      this.#isOver = true
      this.#ring()
    })
  }

  /** From when the folder is there. */
  begin(): void {
    this.#watch = this.#disk.watch(folders.inbox, this.#ring)
    this.#listenForSilence()
  }

  /** The time is up. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** True once after each stretch of time in which a living owner would have answered. */
  takeSilence(): boolean {
    const isSilent = this.#isSilent
    if (isSilent) {
      this.#isSilent = false
      this.#listenForSilence()
    }
    return isSilent
  }

  /** Resolves when it is worth to look again; at once when something happened since the last time. */
  async next(): Promise<void> {
    if (!this.#rang) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.#poll = this.#clock.after(pollMs, this.#ring)
      })
      this.#poll?.cancel()
      this.#wake = undefined
    }
    this.#rang = false
  }

  end(): void {
    this.#signal?.removeEventListener('abort', this.#ring)
    this.#watch?.close()
    this.#deadline.cancel()
    this.#silence?.cancel()
  }

  #listenForSilence(): void {
    this.#silence = this.#clock.after(silentMs, () => {
      this.#isSilent = true
    })
  }
}
