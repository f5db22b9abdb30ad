// Waiting for the end of a run, wherever it is driven. What ends the wait is what the journal says; being told only makes it
// look.

import { throwIfAborted } from '../journal/argument.ts'
import { closed, type RunGround } from './run-ground.ts'
import { readEnding, readRecord, resultOf, unknownRun } from './run-record.ts'

/** Gives the result of the run, or rejects with what it failed with. Rejects with RUN_UNKNOWN, CLOSED and ABORTED. */
export async function resultWhenEnded(
  ground: RunGround,
  id: string,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { journal, ends } = ground
  const release = ground.keepAlive()
  try {
    for (;;) {
      const watch = new AbortController()
      const told = toldOfEnd(ground, id, watch.signal)
      try {
        if (ground.isClosed) throw closed()
        throwIfAborted(signal, 'the wait for a result')
        if ((await readRecord(journal, id)) === undefined) throw unknownRun(id)
        const ending = await readEnding(journal, id)
        if (ending !== undefined) return resultOf(id, ending)
        signal?.addEventListener('abort', () => ends.tell(id), { signal: watch.signal })
        throwIfAborted(signal, 'the wait for a result')
        await told
      } finally {
        watch.abort()
      }
    }
  } finally {
    release()
  }
}

function toldOfEnd({ ends }: RunGround, id: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const unwatch = ends.watch(id, resolve)
    signal.addEventListener('abort', unwatch, { once: true })
  })
}
