// Upkeep takes turns: retention, backup, verification, export and reopening, because one may not remove what another
// reads. A turn that failed is told to whoever took it, and the next one comes all the same.

export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  /** Ends what may take for ever, because somebody outside reads it. */
  readonly #closing: Signal = signal()

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Holds a turn from when this resolves until what it gives is called, or closing begins; rejects when `check` does. */
  async hold(check: () => void): Promise<() => Promise<void>> {
    const held = signal()
    const begun = signal()
    const turn = this.take(async () => {
      check()
      begun.send()
      await Promise.race([held.sent, this.#closing.sent])
    })
    await Promise.race([begun.sent, turn])
    return () => {
      held.send()
      return turn
    }
  }

  /** No turn is held any longer. Resolves when all turns are over. */
  async close(): Promise<void> {
    this.#closing.send()
    await this.#last
  }
}

interface Signal {
  readonly sent: Promise<void>
  readonly send: () => void
}

function signal(): Signal {
  const waiting: (() => void)[] = []
  const sent = new Promise<void>((resolve) => {
    waiting.push(resolve)
  })
  return { sent, send: () => waiting.forEach((resolve) => void resolve()) }
}
