// How far it is: on a terminal one line that changes, elsewhere a line every few seconds.

import type { WriteStream } from 'node:tty'

const everyMs = { terminal: 200, elsewhere: 10_000 } as const

export class ProgressLine {
  readonly #out: WriteStream | undefined
  #shownAt = Date.now()
  #isShown = false

  /** Without a stream nothing is shown. */
  constructor(out: WriteStream | undefined) {
    this.#out = out
  }

  /** The text is made only when it is shown. */
  show(text: () => string): void {
    const out = this.#out
    const isTerminal = out?.isTTY === true
    const now = Date.now()
    if (out === undefined || now - this.#shownAt < (isTerminal ? everyMs.terminal : everyMs.elsewhere)) return
    this.#shownAt = now
    out.write(isTerminal ? `\r\u001b[K${text().slice(0, Math.max(20, out.columns - 1))}` : `${text()}\n`)
    this.#isShown = isTerminal
  }

  end(): void {
    if (this.#isShown) this.#out?.write('\r\u001b[K')
  }
}
