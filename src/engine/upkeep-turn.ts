// Between two pieces of a long work on the log, appends have their turn: they share this thread, and the work can wait.

import type { LogView } from './log-view.ts'
import type { Writer } from './writer.ts'

export interface UpkeepView extends LogView {
  /** undefined where nobody appends. */
  readonly writer?: Pick<Writer, 'turn'> | undefined
}

/** When nobody appends just now it resolves at once: who reads on and on lets the event loop turn (prompt-reads.ts). */
export async function giveTurn({ writer }: Pick<UpkeepView, 'writer'>): Promise<void> {
  await writer?.turn()
}
