// Verification as a good neighbour: it tells how far it is, stops when it is told to, and gives the event loop its turn
// after each piece of work.

import { HoldfastError } from '../../errors.ts'
import type { LongWork, VerifyProgress } from '../../stores/store.ts'

const turnBytes = 1_048_576

export class Pace {
  readonly #work: LongWork<VerifyProgress>
  #bytesDone = 0
  #bytesTotal = 0
  #sinceTurn = 0

  constructor(work: LongWork<VerifyProgress>) {
    this.#work = work
  }

  get bytesDone(): number {
    return this.#bytesDone
  }

  expect(bytes: number): void {
    this.#bytesTotal += bytes
  }

  /** So many bytes more were looked at. Throws ABORTED. */
  async step(bytes: number): Promise<void> {
    this.checkSignal()
    this.#bytesDone += bytes
    this.#bytesTotal = Math.max(this.#bytesTotal, this.#bytesDone)
    this.#sinceTurn += bytes
    this.#work.progress?.({ bytesDone: this.#bytesDone, bytesTotal: this.#bytesTotal })
    if (this.#sinceTurn < turnBytes) return
    this.#sinceTurn = 0
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
    this.checkSignal()
  }

  checkSignal(): void {
    if (this.#work.signal?.aborted !== true) return
    throw new HoldfastError('ABORTED', 'the verification was stopped before its end', {
      hint: 'It changes nothing; start it again at any time.',
      cause: this.#work.signal.reason,
    })
  }
}
