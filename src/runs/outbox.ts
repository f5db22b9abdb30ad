// What an execution has made and is on its way to the journal; and, when nothing is left, telling the agenda that the run
// rests.
//
// Invariants: events are handed over in the order in which they were made, none before the end of the turn in which it was
// made and none before history is met; while an append is on its way that holds only if nobody else has appended, nothing
// follows it; an append that was refused because somebody told the run something is made again when that is met.

import { nextTick } from 'node:process'
import type { Seq } from '../core/numbers.ts'
import { assert, isHoldfastError, never } from '../errors.ts'
import type { PreparedAppend } from '../journal/prepared.ts'
import { limits } from '../limits.ts'
import type { AskLog, AskMarks } from './ask-log.ts'
import type { Draft } from './draft.ts'
import type { ExecutionHost, ExecutionTerms } from './execution-terms.ts'
import type { Intake } from './intake.ts'
import { type DraftGround, type PreparedDraft, prepareDraft } from './prepared-draft.ts'
import type { Rest } from './rest.ts'
import { RunEntry } from './run-entry.ts'
import { idOfStream, type RunData, type RunEvent, runEvents } from './run-event.ts'
import type { Turns } from './turns.ts'

export interface OutboxHost {
  readonly host: ExecutionHost
  readonly terms: ExecutionTerms
  /** History is met to its end, and the execution isn't over. */
  readonly isAtWork: boolean
  /** What all that it has asked for waits for, if none of it is at work. */
  readonly waitsFor: Rest | undefined
  offer(event: RunEvent): void
  halt(error: unknown): void
}

export interface OutboxParts {
  readonly turns: Turns
  readonly intake: Intake
  readonly log: AskLog
}

interface Sent extends PreparedDraft {
  readonly told: AskMarks
}

export class Outbox {
  readonly entry: RunEntry
  readonly #host: OutboxHost
  readonly #turns: Turns
  readonly #intake: Intake
  readonly #log: AskLog
  readonly #ground: DraftGround
  readonly #drafts: Draft[] = []
  /** An append is on its way that holds only if nobody else has appended: what follows it waits for its outcome. */
  #isHeld = false
  #inFlight = 0
  #sent = 0
  #resting: Rest | undefined

  constructor(host: OutboxHost, { turns, intake, log }: OutboxParts) {
    this.#host = host
    this.#turns = turns
    this.#intake = intake
    this.#log = log
    const { stream, agendaId, fence, entry } = host.terms
    this.entry = new RunEntry(agendaId, host.host.clock, entry)
    this.#ground = { journal: host.host.journal, stream, agendaId, fence }
  }

  /** What the run waits for, when it rests. */
  get resting(): Rest | undefined {
    return this.#resting
  }

  /** The same, if nothing has come up since. */
  get stillResting(): Rest | undefined {
    return this.#resting === undefined || this.#intake.isPumping || this.#isBusy ? undefined : this.#rest()
  }

  /** Something that waited has begun to work. */
  wake(): void {
    if (this.#resting === undefined) return
    this.#resting = undefined
    this.#host.terms.driver.woke()
  }

  /** Others have told the run something: it may bring something to work, and has changed the agenda's entry. */
  told(): void {
    this.entry.changed()
    this.wake()
  }

  add(draft: Draft): void {
    this.#drafts.push(draft)
  }

  clear(): void {
    this.#drafts.length = 0
  }

  /** Hands to the journal what was made, one append each: they share its group commit. Nothing before history is met. With
   * the last goes what the agenda should say when the run rests by it: under the condition that nobody has told it anything
   * meanwhile, because then it is due, and must stay so. */
  flush(): void {
    while (this.#host.isAtWork && !this.#turns.isOn && !this.#isHeld) {
      const draft = this.#drafts.shift()
      if (draft === undefined) {
        this.#settleDown()
        return
      }
      if (draft.awaitsAll === true && !this.#intake.isEmpty) {
        // Who meets them flushes again.
        this.#drafts.unshift(draft)
        return
      }
      this.#append(draft, this.#drafts.length === 0 ? this.#rest() : undefined)
    }
  }

  get #isBusy(): boolean {
    return this.#isHeld || this.#inFlight > 0 || this.#drafts.length > 0 || !this.#intake.isEmpty
  }

  /** The newest event of its stream that it knows. */
  get #known(): Seq {
    return this.#host.terms.history.ownSeq(this.#intake.known)
  }

  /** What it waits for as soon as all that was made is durable, if it rests then. */
  #rest(): Rest | undefined {
    if (!this.#host.isAtWork || !this.#intake.isEmpty) return undefined
    const rest = this.#host.waitsFor
    // What is over by now only hasn't been noticed yet.
    return rest === undefined || rest.due <= this.#host.host.clock.now() ? undefined : rest
  }

  #append(draft: Draft, rest: Rest | undefined): void {
    const isHeld = rest !== undefined || draft.awaitsAll === true || draft.refused !== undefined
    let sent: Sent
    try {
      sent = this.#prepare(draft, rest)
    } catch (error) {
      // In no form can it be stored (a redaction throws, say). Who made it is far away by now, and can't be told.
      this.#host.halt(error)
      return
    }
    this.#isHeld = isHeld
    this.#inFlight += 1
    this.#sent += 1
    if (this.#sent === limits.runsBeginningEvents) this.#host.terms.driver.settled()
    const durable = sent.prepared.append()
    const data = dataAhead(sent.prepared)
    durable.then(
      (receipt) => {
        this.#inFlight -= 1
        if (isHeld) this.#isHeld = false
        const seq = receipt.events[0]?.seq ?? never('the batch has the event of the run')
        const { type, prepared } = sent
        this.#host.offer({ seq, type, data: data(), time: this.#turns.time })
        draft.done?.(receipt, prepared)
        this.#tellOthers(sent, receipt.events)
        if (isHeld) this.flush()
      },
      (error: unknown) => {
        this.#inFlight -= 1
        this.#refused(error, { ...draft, told: sent.told }, isHeld)
      },
    )
  }

  #tellOthers({ also, prepared }: Sent, places: readonly { readonly seq: Seq }[]): void {
    for (const [index, { stream, type }] of also.entries()) {
      const { seq } = places[index + 1] ?? never('a receipt names every event')
      if (type === runEvents.created) continue
      const data = prepared.data(index + 1) as RunData
      this.#host.host.family.told(idOfStream(stream), { seq, type, data, time: this.#turns.time })
    }
  }

  #refused(error: unknown, draft: Draft, isHeld: boolean): void {
    if (!isHoldfastError(error, 'SEQ_CONFLICT')) {
      this.#host.halt(error)
      return
    }
    this.entry.changed()
    if (error.details.stream === this.#host.terms.stream) {
      // Somebody has told the run something. What was to be appended is, once that is met.
      assert(isHeld, 'only what is held has a condition on the stream of its run')
      this.#drafts.unshift(draft)
      this.#catchUp()
      return
    }
    if (draft.refused === undefined) {
      this.#host.halt(error)
      return
    }
    const { told } = draft
    this.#drafts.unshift({ ...draft.refused(error), ...(told === undefined ? {} : { told }) })
    this.#isHeld = false
    this.flush()
  }

  #catchUp(): void {
    this.#intake.meetNewest(() => {
      this.#isHeld = false
    })
  }

  /** Nothing is left to append. If the run rests and the agenda doesn't say so yet, it is told; that needs no sync, because
   * what it says now is only less exact. */
  #settleDown(): void {
    // What is being met will come here again.
    if (this.#isBusy || this.#intake.isPumping) return
    const { terms, host } = this.#host
    const rest = this.#rest()
    if (rest === undefined) {
      terms.driver.settled()
      return
    }
    if (this.entry.saysRest(rest)) {
      if (this.#resting !== undefined) return
      this.#resting = rest
      terms.driver.rested()
      return
    }
    this.#isHeld = true
    const { stream, fence } = terms
    const options = { fence, agenda: [this.entry.rests(rest)], expect: this.#known, durability: 'eventual' } as const
    host.journal.append(stream, [], options).then(
      () => {
        this.#isHeld = false
        this.flush()
      },
      (error: unknown) => {
        if (!isHoldfastError(error, 'SEQ_CONFLICT')) {
          this.#host.halt(error)
          return
        }
        this.entry.changed()
        this.#catchUp()
      },
    )
  }

  #prepare(draft: Draft, rest: Rest | undefined): Sent {
    const told = draft.told ?? this.#log.takeUnwritten()
    const { asked, late } = told
    const { key } = draft.data
    const isOwnOnly = asked.length === 1 && asked[0] === key
    const marks = {
      asked: isOwnOnly ? undefined : asked,
      late,
      seen: this.#turns.seen,
      at: this.#host.host.clock.now(),
    }
    const known = rest !== undefined || draft.awaitsAll === true ? this.#known + this.#inFlight : undefined
    const says = rest === undefined ? () => this.entry.works() : () => this.entry.rests(rest)
    const { type, prepared, also } = prepareDraft(this.#ground, draft, { marks, known, says })
    return { told, type, prepared, also }
  }
}

/** The data of the run's event as reading will give it. Made while the disk works: the writer's tick, which hands the write
 * over, was asked for before this one. */
function dataAhead(prepared: PreparedAppend): () => RunData {
  let made: RunData | undefined
  nextTick(() => {
    try {
      made ??= prepared.data(0) as RunData
    } catch {
      // A codec that can't read what it wrote is met again by whoever asks for the data.
    }
  })
  return () => {
    made ??= prepared.data(0) as RunData
    return made
  }
}
