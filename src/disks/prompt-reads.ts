// When a small read is made on this thread. What comes from the system's cache takes a microsecond or two, and asking
// the thread pool for it thirty times as long; but what has to come from the disk must not keep the process waiting. Nobody
// tells beforehand which of them a read will be, so it is seen from the reads before.
// Invariant: who reads on and on lets the event loop turn after `turnMsMax`, whatever is done with what was read.

/** Above that, copying takes longer than asking. */
export const promptBytesMax = 65_536

const turnMsMax = 1
/** No cache takes that long. Then some reads go to the pool before the next one is tried here: few, since the machine may
 * only have been busy, but each time in a row twice as many. */
const coldMs = 0.5
const coldReadsMin = 4
const coldReadsMax = 256

/** On this thread at once, or when the event loop has turned; or by another thread. */
export type ReadWay = 'now' | 'next turn' | 'pool'

export class PromptReads {
  /** When the first read of this turn of the event loop was made; undefined when there was none. */
  #turnBegan: number | undefined
  #coldLeft = 0
  #coldReads = coldReadsMin

  /** How this read is to be made; when not by the pool, `took` must be told how long it took. `now` in ms. */
  wayOf(bytes: number, now: number): ReadWay {
    if (bytes > promptBytesMax) return 'pool'
    if (this.#coldLeft > 0) {
      this.#coldLeft--
      return 'pool'
    }
    if (this.#turnBegan === undefined) this.#beginTurn(now)
    return now - (this.#turnBegan ?? now) < turnMsMax ? 'now' : 'next turn'
  }

  #beginTurn(now: number): void {
    this.#turnBegan = now
    setImmediate(() => {
      this.#turnBegan = undefined
    })
  }

  took(ms: number): void {
    if (ms > coldMs) {
      this.#coldLeft = this.#coldReads
      this.#coldReads = Math.min(2 * this.#coldReads, coldReadsMax)
    } else this.#coldReads = coldReadsMin
  }
}
