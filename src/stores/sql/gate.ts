// What a store says to whoever asks: that it is closed, that it may not be written, or what went wrong in a code of ours.

import { HoldfastError } from '../../errors.ts'
import { toldError } from './retry.ts'

export class Gate {
  readonly #label: string
  /** Why nothing may be written; undefined when it may. */
  readonly #readOnly: string | undefined
  #isClosed = false

  constructor(label: string, readOnly: string | undefined) {
    this.#label = label
    this.#readOnly = readOnly
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    this.#isClosed = true
  }

  mustBeOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  /** Why nothing is written; undefined when it is. */
  refusal(): HoldfastError | undefined {
    if (this.#isClosed) return closedError()
    if (this.#readOnly === undefined) return undefined
    return new HoldfastError('READ_ONLY', `${this.#label} is open for reading only: ${this.#readOnly}`, {
      hint: 'Open the journal for writing: several processes may.',
    })
  }

  mustWrite(): void {
    const refusal = this.refusal()
    if (refusal !== undefined) throw refusal
  }

  async typed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#told(error)
    }
  }

  async *typedParts<T>(parts: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* parts
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** What fails because the store was closed meanwhile is no failure of its own. */
  #told(error: unknown): unknown {
    return this.#isClosed ? closedError() : toldError(error)
  }
}

function closedError(): HoldfastError {
  return new HoldfastError('CLOSED', 'the journal is closed', { hint: 'Open it again with open().' })
}
