// One hold on the process for all who wait in it, because timers and the journal's own work don't keep it from ending.

import { keepAlive } from '../host/keep-alive.ts'

export class ProcessHold {
  #holders = 0
  #letGo: (() => void) | undefined
  /** The same for all, since there may be a hundred thousand of them. */
  readonly #release = (): void => {
    this.#holders -= 1
    if (this.#holders > 0) return
    this.#letGo?.()
    this.#letGo = undefined
  }

  /** Returns how to let go; to be called once. */
  take(): () => void {
    this.#holders += 1
    this.#letGo ??= keepAlive()
    return this.#release
  }
}
