// What is told to who follows the journal now, in this process, and is never stored: tokens of an answer that is being
// written, signs of life. It has no place in the journal and costs no write; who comes later doesn't hear of it.
//
// Invariants: a subscriber gets it behind every event that was durable when it was told, and in the order in which it was
// told. Who doesn't keep up loses the oldest, and is told how many.

import type { Position, TimeMs } from '../core/numbers.ts'
import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Selector } from '../stores/store.ts'

/** Told apart from events by `live`: it has no position and no cursor. */
export interface LiveEvent {
  readonly live: true
  readonly stream: string
  readonly type: string
  readonly time: TimeMs
  readonly data: unknown
  /** So many before it were lost, because the subscriber didn't keep up. */
  readonly missed?: number
}

/** What is told; of whatever type, since nothing of it is kept. */
export interface BroadcastInput {
  readonly type: string
  readonly data?: unknown
}

/** As it waits: each subscriber gets a value of its own from the text. */
export interface LiveDraft extends Omit<LiveEvent, 'live' | 'data' | 'missed'> {
  readonly text: string
  /** The newest durable event when it was told. */
  readonly behind: Position
}

export class LiveChannel {
  readonly #inboxes: Set<LiveInbox> = new Set()

  tell(draft: LiveDraft): void {
    for (const inbox of this.#inboxes) inbox.offer(draft)
  }

  /** Returns how to stop. */
  listen(inbox: LiveInbox): () => void {
    this.#inboxes.add(inbox)
    return () => {
      this.#inboxes.delete(inbox)
    }
  }
}

export interface LiveFilter {
  readonly select: Selector
  readonly types: ReadonlySet<string> | undefined
}

/** What waits for one subscriber. */
export class LiveInbox {
  readonly #filter: LiveFilter
  readonly #decode: (text: string) => unknown
  readonly #wake: () => void
  readonly #waiting: LiveDraft[] = []
  #missed = 0

  constructor(filter: LiveFilter, decode: (text: string) => unknown, wake: () => void) {
    this.#filter = filter
    this.#decode = decode
    this.#wake = wake
  }

  offer(draft: LiveDraft): void {
    const { select, types } = this.#filter
    if (!isSelected(select, draft.stream) || types?.has(draft.type) === false) return
    this.#waiting.push(draft)
    if (this.#waiting.length > limits.liveWaitingMax) {
      this.#waiting.shift()
      this.#missed += 1
    }
    this.#wake()
  }

  /** What belongs behind the event at this position, and before the next. */
  take(position: Position): LiveEvent[] {
    const taken: LiveEvent[] = []
    for (let [first] = this.#waiting; first !== undefined && first.behind <= position; [first] = this.#waiting) {
      this.#waiting.shift()
      const { stream, type, time, text } = first
      const missed = this.#missed === 0 ? {} : { missed: this.#missed }
      this.#missed = 0
      taken.push({ live: true, stream, type, time, data: this.#decode(text), ...missed })
    }
    return taken
  }
}

/** Throws TOO_LARGE: many of them may wait. */
export function checkLiveBytes(type: string, text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes <= limits.liveBytesMax) return
  throw new HoldfastError('TOO_LARGE', `the broadcast ${JSON.stringify(type)} has ${bytes} bytes of data`, {
    hint: `The limit is ${limits.liveBytesMax}. Append what is large, and broadcast that it is there.`,
    details: { bytes, bytesMax: limits.liveBytesMax },
  })
}

function isSelected(select: Selector, stream: string): boolean {
  if (select.kind === 'all') return true
  return select.kind === 'stream' ? stream === select.stream : stream.startsWith(select.prefix)
}
