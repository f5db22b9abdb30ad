// When a small read is made on this thread. What comes from the system's cache takes a microsecond or two, and asking
// the thread pool for it thirty times as long; but what has to come from the disk must not keep the process waiting. Nobody
// tells beforehand which of them a read will be, so it is seen from the reads before.
// Invariant: between two turns of the event loop, reads on this thread take the time of `turnMsMax` and of one read more.

/** Above that, copying takes longer than asking. */
export const promptBytesMax = 65_536

const turnMsMax = 2
/** No cache takes that long. Then some reads go to the pool before the next one is tried here: few, since the machine may
 * only have been busy, but each time in a row twice as many. */
const coldMs = 0.5
const coldReadsMin = 4
const coldReadsMax = 256

export class PromptReads {
  #spentMs = 0
  #isTurnEnding = false
  #coldLeft = 0
  #coldReads = coldReadsMin

  /** Whether this read may be made here and now; `took` must be told how long it took. */
  mayRead(bytes: number): boolean {
    if (bytes > promptBytesMax) return false
    if (this.#coldLeft > 0) {
      this.#coldLeft--
      return false
    }
    return this.#spentMs < turnMsMax
  }

  took(ms: number): void {
    this.#spentMs += ms
    if (ms > coldMs) {
      this.#coldLeft = this.#coldReads
      this.#coldReads = Math.min(2 * this.#coldReads, coldReadsMax)
    } else this.#coldReads = coldReadsMin
    if (this.#isTurnEnding) return
    this.#isTurnEnding = true
    setImmediate(() => {
      this.#isTurnEnding = false
      this.#spentMs = 0
    })
  }
}
