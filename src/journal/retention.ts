// Retention as users say it, and automatic retention.
//
// Automatic retention runs off the append path: an append adds to two counters, and a run is planned once they show
// growth worth looking at. Rules by age also look at intervals, since events grow old without appends. One run at a time.

import { parseDuration } from '../core/duration.ts'
import { checkStreamName } from '../core/names.ts'
import type { Seq } from '../core/numbers.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Batch, RetentionReport, RetentionRule, Store } from '../stores/store.ts'
import type { Duration } from './append-options.ts'
import { checkObject, checkWhole, invalidArgument } from './argument.ts'

/** What may go. Several rules remove the union of what each alone would. */
export interface RetentionOptions {
  /** Removes what is older than this. */
  readonly olderThan?: Duration
  /** Oldest first, until the log is at most so large. */
  readonly bytesMax?: number
  /** Oldest first, until the log has at most so many segments. */
  readonly segmentsMax?: number
  /** Per stream: events with a smaller seq than `before`; 'all' deletes the stream's events (its numbers go on). */
  readonly streams?: readonly { readonly stream: string; readonly before: Seq | 'all' }[]
  /** What appends have released. */
  readonly released?: boolean
  /** Command ids older than this are forgotten. */
  readonly commandsOlderThan?: Duration
}

export interface AutomaticRetention extends Omit<RetentionOptions, 'streams'> {
  /** Looks after so many events were appended. */
  readonly everyEvents?: number
  /** Looks after so many bytes of data were appended. */
  readonly everyBytes?: number
}

const everyEventsDefault = 10_000
const everyBytesDefault = 8_388_608
const ageCheckMsMin = 1_000
const ageCheckMsMax = 3_600_000

export function ruleOf(options: RetentionOptions, now: number): RetentionRule {
  checkObject(options, 'the retention rule')
  const { olderThan, bytesMax, segmentsMax, streams, released, commandsOlderThan } = options
  return {
    ...(olderThan === undefined ? {} : { before: now - parseDuration(olderThan, 'olderThan') }),
    ...(bytesMax === undefined ? {} : { bytesMax: checkWhole(bytesMax, 'bytesMax') }),
    ...(segmentsMax === undefined ? {} : { segmentsMax: checkWhole(segmentsMax, 'segmentsMax') }),
    ...(streams === undefined ? {} : { streams: streams.map(streamRule) }),
    ...(released === undefined ? {} : { released }),
    ...(commandsOlderThan === undefined
      ? {}
      : { commandsBefore: now - parseDuration(commandsOlderThan, 'commandsOlderThan') }),
  }
}

function streamRule({ stream, before }: { readonly stream: string; readonly before: Seq | 'all' }): {
  stream: string
  before: Seq | 'all'
} {
  checkStreamName(stream)
  return { stream, before: before === 'all' ? before : checkWhole(before, "before, if not 'all',") }
}

export class RetentionKeeper {
  readonly #store: Store
  readonly #clock: Clock
  readonly #options: AutomaticRetention
  readonly #everyEvents: number
  readonly #everyBytes: number
  readonly #everyMs: number | undefined
  #events = 0
  #bytes = 0
  #soon: Timer | undefined
  #byAge: Timer | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #failure: unknown

  constructor(store: Store, clock: Clock, options: AutomaticRetention) {
    this.#store = store
    this.#clock = clock
    this.#options = options
    this.#everyEvents = checkWhole(options.everyEvents ?? everyEventsDefault, 'everyEvents')
    this.#everyBytes = checkWhole(options.everyBytes ?? everyBytesDefault, 'everyBytes')
    if ('streams' in options) throw invalidArgument('automatic retention', 'without streams')
    ruleOf(options, clock.now())
    this.#everyMs = ageCheckMs(options)
    this.#planSoon()
    this.#planByAge()
  }

  /** Why the last run failed, if it did. */
  get failure(): unknown {
    return this.#failure
  }

  /** On the append path: two additions and two comparisons. */
  noteAppend(batch: Batch): void {
    for (const { data, meta } of batch.events) this.#bytes += data.length + (meta === undefined ? 0 : meta.length)
    this.#events += batch.events.length
    if (this.#events >= this.#everyEvents || this.#bytes >= this.#everyBytes) this.#planSoon()
  }

  /** No further run begins; resolves when the present one has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#soon?.cancel()
    this.#byAge?.cancel()
    await this.#running
  }

  #planSoon(): void {
    if (this.#isStopped || this.#soon !== undefined) return
    this.#soon = this.#clock.after(0, () => this.#run())
  }

  #planByAge(): void {
    if (this.#isStopped || this.#everyMs === undefined) return
    this.#byAge = this.#clock.after(this.#everyMs, () => {
      this.#planSoon()
      this.#planByAge()
    })
  }

  #run(): void {
    this.#events = 0
    this.#bytes = 0
    const done = (failure: unknown) => {
      this.#failure = failure
      this.#soon = undefined
      this.#running = undefined
      if (this.#events >= this.#everyEvents || this.#bytes >= this.#everyBytes) this.#planSoon()
    }
    // A failure is kept for health() and the run is tried again: retention must not stop appends.
    this.#running = this.#retain().then(() => done(undefined), done)
  }

  async #retain(): Promise<RetentionReport> {
    return this.#store.retain(ruleOf(this.#options, this.#clock.now()), { dryRun: false })
  }
}

/** A twentieth of the shortest age, so that nothing stays much longer than it should. */
function ageCheckMs({ olderThan, commandsOlderThan }: AutomaticRetention): number | undefined {
  const ages = [olderThan, commandsOlderThan].flatMap((age) =>
    age === undefined ? [] : [parseDuration(age, 'an age')],
  )
  if (ages.length === 0) return undefined
  return Math.min(ageCheckMsMax, Math.max(ageCheckMsMin, Math.floor(Math.min(...ages) / 20)))
}
