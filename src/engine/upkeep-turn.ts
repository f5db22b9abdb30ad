// Between two pieces of a long work on the log, appends have their turn: they share this thread and the disk, and the work
// can wait.

import type { LogView } from './log-view.ts'
import { Waiters } from './waiters.ts'

/** Of a lone caller's appends beside a retention, 1 in 100 waited 3.5 times as long as without with one group between two
 * pieces of it, and 1.6 times as long with three. */
const groupsPerTurn = 3

export interface UpkeepView extends LogView {
  /** undefined where nobody appends. */
  readonly writer?: { turn(): Promise<void> } | undefined
}

/** When nobody appends just now it resolves at once: who reads on and on lets the event loop turn (prompt-reads.ts). */
export async function giveTurn({ writer }: Pick<UpkeepView, 'writer'>): Promise<void> {
  await writer?.turn()
}

/** The writer's side of it: it may wait for no one who waits for it. */
export class UpkeepTurns {
  readonly #isAppending: () => boolean
  readonly #waiters: Waiters = new Waiters()

  constructor(isAppending: () => boolean) {
    this.#isAppending = isAppending
  }

  /** A group is on its way to the disk, or nothing is to be written. */
  tell(): void {
    this.#waiters.tell()
  }

  /**
   * Resolves when some groups have gone and the next is on its way, since a little that is done meanwhile holds up nobody,
   * or when nothing is to be written. Never rejects.
   */
  async given(): Promise<void> {
    for (let given = 0; given < groupsPerTurn; given += 1) {
      if (!this.#isAppending()) return
      await this.#waiters.next()
    }
  }
}
