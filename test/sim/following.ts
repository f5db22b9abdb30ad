// A subscriber at work, in the writing process or in one that only reads. It goes on where it was when its process has
// ended and another one begins.

import { decodeCursor } from '../../src/core/cursor.ts'
import { isHoldfastError } from '../../src/errors.ts'
import type { Notice } from '../../src/journal/subscribe.ts'
import type { Journal } from '../../src/journal.ts'
import { selectorOf } from './batches.ts'
import type { Ledger } from './ledger.ts'
import type { Follower } from './plan.ts'
import type { Process } from './process.ts'
import type { Scheduler } from './scheduler.ts'
import { matches, type Sighting } from './sighting.ts'
import { Violation } from './violation.ts'

export class Following {
  readonly #who: string
  readonly #plan: Follower
  readonly #ledger: Ledger
  readonly #sighting: Sighting
  #cursor: string | undefined
  #process: Process | undefined
  #awaited: { readonly position: number; readonly done: () => void } | undefined

  constructor(who: string, plan: Follower, ledger: Ledger) {
    this.#who = who
    this.#plan = plan
    this.#ledger = ledger
    this.#sighting = ledger.sighting({ who, select: selectorOf(plan.select), tells: true })
  }

  /** Follows until the journal closes or the process dies. */
  follow(
    journal: Journal,
    at: { readonly process: Process; readonly scheduler: Scheduler; readonly faulty: boolean },
  ): void {
    this.#run(journal, at).catch((error: unknown) => {
      // Its place stands, and the next process goes on there.
      if (isHoldfastError(error, 'SUPERSEDED')) return
      if (at.faulty && isHoldfastError(error, 'IO', 'DISK_FULL', 'LATCHED', 'INDETERMINATE')) return
      this.#ledger.fail(new Violation('subscriber', `${this.#who} ended with ${String(error)}`))
    })
  }

  /** Resolves when all that is there, and that it asked for, was shown. */
  caughtUp(): Promise<void> {
    const select = selectorOf(this.#plan.select)
    const newest = this.#ledger.history.settled.findLast(
      ({ stream, removal }) => matches(select, stream) && (removal === undefined || removal.fate === 'undone'),
    )
    const position = newest?.position ?? 0
    if (this.#sighting.reached >= position) return Promise.resolve()
    return new Promise((done) => {
      this.#awaited = { position, done }
    })
  }

  async #run(
    journal: Journal,
    {
      process,
      scheduler,
      faulty,
    }: { readonly process: Process; readonly scheduler: Scheduler; readonly faulty: boolean },
  ): Promise<void> {
    this.#process = process
    const { select } = this.#plan
    const selector = selectorOf(select)
    const chosen =
      selector.kind === 'stream'
        ? selector.stream
        : selector.kind === 'prefix'
          ? { prefix: selector.prefix }
          : undefined
    const options = {
      // A process that is killed never ends its subscriptions: it must not keep the one alive that simulates it.
      keepsAlive: false,
      ...(chosen === undefined ? {} : { select: chosen }),
      ...(this.#cursor === undefined ? {} : { after: this.#cursor }),
    }
    for await (const item of journal.subscribe(options)) {
      // Another process has it now.
      if (this.#process !== process) return
      scheduler.note(`${this.#who} ${'notice' in item ? JSON.stringify(item) : `saw ${item.position}`}`)
      if ('notice' in item) this.#notice(item, faulty)
      else {
        const { position, stream, seq, cursor } = item
        this.#sighting.see({ position, stream, seq, sum: decodeCursor(cursor).sum })
        this.#cursor = cursor
      }
      if (this.#awaited !== undefined && this.#sighting.reached >= this.#awaited.position) this.#awaited.done()
      await scheduler.turns(process, this.#who, this.#plan.slow)
    }
  }

  #notice(item: Notice, faulty: boolean): void {
    if (item.notice === 'removed') {
      this.#sighting.tell(item)
      this.#cursor = item.cursor
      return
    }
    this.#cursor = item.startAgain
    if (item.reason === 'read-error' && faulty) return
    if (item.reason !== 'older-than-retained') {
      this.#ledger.fail(new Violation('reset', `${this.#who} was reset: ${item.reason}`))
    }
    this.#sighting.reset()
  }
}
