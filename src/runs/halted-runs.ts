// Runs that their worker could not go on with: what they append is refused, their history can't be read. Each is due again
// after a pause, which grows with every try that records nothing new, so that what stays broken costs less and less.
//
// Invariants: nothing of the run is changed but when it is due, and not that either once it was told something. What can't
// even be put off, because the journal takes nothing, is due when the lease runs out.

import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { Fence } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'
import { limits } from '../limits.ts'
import { pauseMs, retryPolicy } from './retry.ts'
import { streamOf } from './run-event.ts'
import { endedWhy } from './run-list.ts'

export interface HaltedGround {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
}

interface Halts {
  /** In a row, without a new event. */
  readonly count: number
  readonly seq: number
}

const policy = retryPolicy({
  times: Number.MAX_SAFE_INTEGER,
  delay: limits.haltedPauseMs,
  delayMax: limits.haltedPauseMsMax,
})
/** Of more runs than that, those that halted longest ago begin anew. */
const remembered = 10_000

export class HaltedRuns {
  readonly #ground: HaltedGround
  readonly #halts: Map<string, Halts> = new Map()

  constructor(ground: HaltedGround) {
    this.#ground = ground
  }

  /** Gives its lease back, and puts it off. Never rejects. */
  async putOff(id: string, fence: Fence, error: unknown): Promise<void> {
    const { journal, clock, random } = this.#ground
    const release = { fence, leases: [{ lease: fence.lease, release: fence.token }] }
    try {
      const stream = streamOf(id)
      const { seq } = await journal.head(stream)
      const due = clock.now() + pauseMs(policy, this.#count(id, seq), random)
      const why = `could not go on (${endedWhy({ error })}), and is tried again at ${new Date(due).toISOString()}`
      const agenda = [{ id: fence.lease, due, data: { state: 'queued', why } }]
      await journal.append([], { ...release, agenda, expect: { [stream]: seq } })
    } catch {
      // It was told something meanwhile, and is due: then the lease is all that is in the way. What can't be given back
      // ends with its time; the error that the run halted with is the one to tell of.
      await journal.append([], release).catch(() => undefined)
    }
  }

  /** It has ended. */
  forget(id: string): void {
    this.#halts.delete(id)
  }

  #count(id: string, seq: number): number {
    const before = this.#halts.get(id)
    const count = before?.seq === seq ? before.count + 1 : 1
    this.#halts.delete(id)
    this.#halts.set(id, { count, seq })
    for (const oldest of this.#halts.keys()) {
      if (this.#halts.size <= remembered) break
      this.#halts.delete(oldest)
    }
    return count
  }
}
