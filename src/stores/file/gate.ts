// What a store says to whoever asks: that it is closed, that it may not be written, or what went wrong at the disk in a
// code of ours. Everything that a store does passes through here.

import { movedError } from '../../core/moved.ts'
import type { Disk } from '../../disks/disk.ts'
import { closedLog } from '../../engine/catalog.ts'
import { superseded, typedFailure } from '../../engine/failure.ts'
import { fencePath } from '../../engine/layout.ts'
import { HoldfastError, isHoldfastError, never } from '../../errors.ts'
import type { Relocation } from '../store.ts'

export class Gate {
  readonly #disk: Disk
  /** The writer's; undefined for a reader. */
  readonly #fence: number | undefined
  /** Why nothing may be written; undefined when it may. */
  readonly readOnly: string | undefined
  /** Where the journal goes or has gone: from then on nothing is written. */
  relocation: Relocation | undefined
  #isClosed = false

  constructor(disk: Disk, options: { readonly readOnly: string | undefined; readonly fence: number | undefined }) {
    this.#disk = disk
    this.readOnly = options.readOnly
    this.#fence = options.fence
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether whoever has the writer may use it. */
  get mayWrite(): boolean {
    return !this.#isClosed && this.relocation === undefined
  }

  close(): void {
    this.#isClosed = true
  }

  mustBeOpen(): void {
    if (this.#isClosed) throw this.closedError()
  }

  mustNotBeMoved(): void {
    if (this.relocation !== undefined) throw movedError(this.#disk.label, this.relocation)
  }

  closedError(): HoldfastError {
    return new HoldfastError('CLOSED', 'the journal is closed', { hint: 'Open it again with open().' })
  }

  /** Why there is no writer, or none any more. */
  refusal(): HoldfastError {
    if (this.#isClosed) return this.closedError()
    if (this.readOnly === undefined && this.relocation !== undefined)
      return movedError(this.#disk.label, this.relocation)
    const why = this.readOnly ?? never('an open journal without a writer says why')
    return new HoldfastError('READ_ONLY', `${this.#disk.label} is open for reading only: ${why}`, {
      hint: 'Hand the change to the writing process with submit(), or open the journal for writing.',
    })
  }

  /** What the operating system says comes out with a code of ours. */
  async typed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** The same for what comes in parts; nothing is begun before the first one is asked for. */
  async *typedParts<T>(parts: () => Promise<AsyncIterable<T>>): AsyncGenerator<T, void, undefined> {
    try {
      yield* await parts()
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** What looks like damage to a process that was stopped may be its successor's work. */
  #told(error: unknown): unknown {
    if (this.#isClosed && isHoldfastError(error, 'LATCHED')) return this.closedError()
    if (!this.#isClosed && isHoldfastError(error, 'CLOSED')) return closedLog()
    const isOusted =
      isHoldfastError(error, 'DAMAGED') && this.#fence !== undefined && this.#disk.existsNow(fencePath(this.#fence + 1))
    return isOusted ? superseded(this.#disk) : typedFailure(error, this.#disk)
  }
}
