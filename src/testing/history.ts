// The history checker: told of every append and every acknowledgement, it says whether what a journal holds after a
// crash can be what was promised. Every acknowledgement carries its place, and the journal keeps the order of calls, so
// the check is exact, and linear in the number of events:
//
//   G1  every acknowledged event is at exactly its place with exactly its content
//   G2  what is there is a prefix of what was submitted, in the order of the calls; seqs and positions without a gap
//   G3  a batch is there whole or not at all, its agenda, leases, pins and command id included
//   G4  nothing is there that was not submitted, and nothing twice
//
// After a crash the fate of what was pending is unknown until somebody looks: `settle` takes what was found as the truth
// from then on, so a second recovery must find the same.
//
// Leases are modelled by owner and token, not by time: an acquisition counts as granted unless it was refused, or the
// lease is held for a year or more.

import { HoldfastError } from '../errors.ts'
import type { Batch, RawEvent, Receipt, Store } from '../stores/store.ts'
import type { FindingKind, HistoryFinding } from './history-finding.ts'
import { contentOf, type ExpectedEvent, HistoryModel } from './history-model.ts'
import { stateFinding } from './history-state.ts'
import {
  contentOfFound,
  finding,
  placeText,
  type Removal,
  receiptFinding,
  type Settled,
  type Submission,
} from './history-submission.ts'

export type { Removal, Settled, Submission } from './history-submission.ts'

import { type JournalContents, readContents } from './journal-contents.ts'

/** Codes with which nothing of the batch was stored. */
const refusals: ReadonlySet<string> = new Set([
  'SEQ_CONFLICT',
  'COMMAND_CONFLICT',
  'LEASE_HELD',
  'LEASE_LOST',
  'BLOB_MISSING',
  'QUEUE_FULL',
  'CLOSED',
  'READ_ONLY',
  'LATCHED',
])

export class History {
  #settled: Settled[] = []
  #model: HistoryModel = new HistoryModel()
  /** Since the last settling, in the order of the calls. */
  #era: Submission[] = []
  #submissions = 0
  #acknowledged = 0
  #process = 1

  /** How many submissions were acknowledged so far. */
  get acknowledgements(): number {
    return this.#acknowledged
  }

  get submissions(): number {
    return this.#submissions
  }

  /** To try several outcomes of one crash. */
  copy(): History {
    const copy = new History()
    const removals = new Map<Removal, Removal>()
    const copyOf = (removal: Removal): Removal => {
      const known = removals.get(removal) ?? { fate: removal.fate }
      removals.set(removal, known)
      return known
    }
    copy.#settled = this.#settled.map((event) => ({
      ...event,
      removal: event.removal === undefined ? undefined : copyOf(event.removal),
    }))
    copy.#model = new HistoryModel(this.#model)
    copy.#era = this.#era.map((submission) => ({ ...submission }))
    copy.#submissions = this.#submissions
    copy.#acknowledged = this.#acknowledged
    copy.#process = this.#process
    return copy
  }

  /** Newest position of which the truth is known. */
  get settledPosition(): number {
    return this.#model.position
  }

  /** Every event of which the truth is known, at index position - 1. */
  get settled(): readonly Settled[] {
    return this.#settled
  }

  /** Per stream, through which seq settled batches have released it. */
  get released(): ReadonlyMap<string, number> {
    return this.#model.released
  }

  /** Must be called before the append itself, in the order of the calls. */
  submit(batch: Batch): Submission {
    const contents = batch.events.map(contentOf)
    const process = this.#process
    const submission: Submission = {
      number: ++this.#submissions,
      batch,
      contents,
      process,
      fate: 'pending',
      receipt: undefined,
    }
    this.#era.push(submission)
    return submission
  }

  /** Another process goes on with the journal, or the same one after reopen(): of what was pending, a prefix is there. */
  nextProcess(): void {
    this.#process++
  }

  acknowledge(submission: Submission, receipt: Receipt): void {
    submission.receipt = receipt
    this.#acknowledged++
    if (receipt.durable) submission.fate = 'required'
  }

  /** The error that was told in place of a receipt: with some codes nothing of it was stored, with others nobody knows. */
  fail(submission: Submission, code: string): void {
    if (refusals.has(code)) this.refuse(submission)
  }

  /** Nothing of it was stored. */
  refuse(submission: Submission): void {
    submission.fate = 'refused'
  }

  /** Submits, appends, and notes the outcome. The receipt, or the error that was told. */
  async append(store: Pick<Store, 'append'>, batch: Batch): Promise<Receipt | HoldfastError> {
    const submission = this.submit(batch)
    try {
      const receipt = await store.append(batch)
      this.acknowledge(submission, receipt)
      return receipt
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      this.fail(submission, error.code)
      return error
    }
  }

  /** After a flush() that resolved: what this process numbered before it is required, too. */
  async flush(store: Store): Promise<void> {
    const isMine = ({ receipt, process }: Submission): boolean => receipt !== undefined && process === this.#process
    const numbered = this.#era.filter(isMine)
    await store.flush()
    for (const submission of numbered) submission.fate = 'required'
  }

  /** Retention begins that removes these of the settled events: until `fate` says more, all of them or none are gone. */
  remove(gone: (event: Settled) => boolean): Removal {
    const removal: Removal = { fate: 'pending' }
    for (const event of this.#settled) {
      // What an earlier removal did not get to goes with this one.
      const isKept = event.removal === undefined || event.removal.fate === 'undone'
      if (isKept && gone(event)) event.removal = removal
    }
    return removal
  }

  /** Reads the journal in every way and checks it. The first thing that is wrong, or undefined. */
  async check(
    store: Store,
    options: { readonly settle: boolean; readonly from?: number },
  ): Promise<HistoryFinding | undefined> {
    const contents = await readContents(store, this.#names(), options.from)
    if ('kind' in contents) return contents
    const wrong = this.judge(contents, options)
    const { position } = store.head()
    if (wrong !== undefined || !options.settle || position === this.settledPosition) return wrong
    return finding('disagreement', `head() says ${position}, and the last event is ${this.settledPosition}`)
  }

  /** The first thing that is wrong with these contents, or undefined. */
  judge(contents: JournalContents, { settle }: { readonly settle: boolean }): HistoryFinding | undefined {
    const { events, from } = contents
    const past = this.#judgeSettled(events, from)
    if ('kind' in past) return past
    const present = this.#judgeEra(events, past.next, contents)
    if ('kind' in present) return present
    if (settle) this.#settle(present, events, from)
    return undefined
  }

  // What is settled must be there exactly, but for what retention took.

  #judgeSettled(events: readonly RawEvent[], from: number): HistoryFinding | { readonly next: number } {
    let next = 0
    const gone = new Map<Removal, boolean>()
    for (let index = from - 1; index < this.#settled.length; index++) {
      const expected = this.#settled[index] as Settled // below the length
      const found = events[next]
      const { removal } = expected
      const isThere = found !== undefined && found.position === expected.position
      if (removal === undefined) {
        const wrong = this.#compare(expected, found, events, next)
        if (wrong !== undefined) return wrong
      } else {
        const before = gone.get(removal) ?? (removal.fate === 'pending' ? undefined : removal.fate === 'done')
        if (before === true && isThere)
          return finding('returned', `${placeText(expected)} was removed and is there again`)
        if (before === false && !isThere)
          return finding('lost', `${placeText(expected)} is gone, and others of its removal are not`)
        gone.set(removal, !isThere)
        if (!isThere) continue
        const wrong = this.#compare(expected, found, events, next)
        if (wrong !== undefined) return wrong
      }
      if (
        found !== undefined &&
        expected.sum !== undefined &&
        (found.sum !== expected.sum || found.time !== expected.time)
      ) {
        return finding('altered', `${placeText(expected)} has another checksum or time than before`)
      }
      next++
    }
    for (const [removal, isGone] of gone) if (removal.fate === 'pending') removal.fate = isGone ? 'done' : 'undone'
    return { next }
  }

  // Of what was submitted since, a prefix.

  #judgeEra(events: readonly RawEvent[], start: number, contents: JournalContents): HistoryFinding | Present {
    const branches: Branch[] = [{ from: 0, model: new HistoryModel(this.#model), added: [], next: start, cutOff: 0 }]
    let first: HistoryFinding | undefined
    for (let branch = branches.pop(); branch !== undefined; branch = branches.pop()) {
      const judged = this.#judgeBranch(branch, branches, events, contents)
      if (!('kind' in judged)) return judged
      first ??= judged
    }
    return first ?? finding('state', 'no prefix of the submissions gives this state')
  }

  #judgeBranch(
    branch: Branch,
    branches: Branch[],
    events: readonly RawEvent[],
    contents: JournalContents,
  ): HistoryFinding | Present {
    const { model, added } = branch
    let { next, cutOff } = branch
    let state = next < events.length ? undefined : stateFinding(model, contents)
    let survived: Present | undefined =
      state === undefined ? { model: new HistoryModel(model), added: [...added] } : undefined
    for (let index = branch.from; index < this.#era.length; index++) {
      const submission = this.#era[index] as Submission // below the length
      if (submission.fate === 'refused' || submission.process === cutOff) continue
      const effect = model.judge(submission.batch, submission.contents)
      if (effect.kind !== 'commit') {
        const wrong = receiptFinding(submission, effect.kind === 'duplicate' ? effect.places : [])
        if (wrong !== undefined) return wrong
        continue
      }
      if (effect.events.length > 0 && next >= events.length) {
        // A later process may have been told of something that takes no place: the first receipt of a command.
        if (this.#endsHere(submission)) {
          cutOff = submission.process
          continue
        }
        const later = this.#firstRequired(submission)
        if (later === undefined) break
        const what = later.batch.events[0]?.data.slice(0, 80) ?? 'without events'
        return finding('lost', `submission ${later.number} (${what}) was acknowledged, and the journal ends before it`)
      }
      const [first] = effect.events
      if (first !== undefined && this.#endsHere(submission) && this.#compare(first, events[next], events, next)) {
        cutOff = submission.process
        continue
      }
      // What takes no place leaves no trace of where its process ended: before it, perhaps.
      if (first === undefined && this.#endsHere(submission)) {
        const { process } = submission
        branches.push({ from: index, model: new HistoryModel(model), added: [...added], next, cutOff: process })
      }
      for (const expected of effect.events) {
        const wrong = this.#compare(expected, events[next], events, next)
        if (wrong !== undefined) return wrong
        next++
      }
      const misplaced = effect.events.length > 0 ? receiptFinding(submission, effect.events) : undefined
      if (misplaced !== undefined) return misplaced
      added.push(...effect.events)
      model.apply(submission.batch, effect.events)
      if (next < events.length) continue
      // The events are all there; which of the batches without events are, the state tells.
      state = stateFinding(model, contents)
      if (state === undefined) survived = { model: new HistoryModel(model), added: [...added] }
      else if (submission.fate === 'required' || effect.events.length > 0) survived = undefined
    }
    if (next < events.length) return this.#surplus(events, next)
    return survived ?? state ?? finding('state', 'no prefix of the submissions gives this state')
  }

  /** Whether its process may have got no further, and another one went on. */
  #endsHere({ number, process }: Submission): boolean {
    const isLast = process === this.#era.at(-1)?.process
    return (
      !isLast &&
      !this.#era.some((later) => later.process === process && later.number >= number && later.fate === 'required')
    )
  }

  #firstRequired(from: Submission): Submission | undefined {
    return this.#era.find(({ number, fate }) => number >= from.number && fate === 'required')
  }

  #compare(
    expected: ExpectedEvent,
    found: RawEvent | undefined,
    events: readonly RawEvent[],
    next: number,
  ): HistoryFinding | undefined {
    const place = placeText(expected)
    if (found === undefined) {
      const isTorn = events[next - 1]?.more === true
      return finding(isTorn ? 'torn' : 'lost', `${place} is not there: the journal ends before it`)
    }
    const content = contentOfFound(found)
    if (found.stream === expected.stream && content === expected.content) {
      if (found.position !== expected.position || found.seq !== expected.seq) {
        return finding('gap', `${place} stands at ${placeText(found)}`)
      }
      return found.more === expected.more
        ? undefined
        : finding('torn', `${place} is not joined with its batch as submitted`)
    }
    const message = `at ${place} stands ${placeText(found)} ${content.slice(0, 120)}, not ${expected.content.slice(0, 120)}`
    return finding(this.#whatStandsThere(expected, found, events, next), message)
  }

  #whatStandsThere(expected: ExpectedEvent, found: RawEvent, events: readonly RawEvent[], next: number): FindingKind {
    const content = contentOfFound(found)
    const isSame = (stream: string, text: string): boolean => stream === found.stream && text === content
    if (events.slice(0, next).some((event) => isSame(event.stream, contentOfFound(event)))) return 'duplicated'
    const submission = this.#submissionOf(found.stream, content)
    if (submission?.fate === 'refused') return 'refused'
    if (submission !== undefined) {
      const isLater = events
        .slice(next)
        .some((event) => event.stream === expected.stream && contentOfFound(event) === expected.content)
      if (isLater) return 'reordered'
      return events[next - 1]?.more === true ? 'torn' : 'lost'
    }
    return found.stream === expected.stream && found.seq === expected.seq ? 'altered' : 'invented'
  }

  /** There is more than was submitted. */
  #surplus(events: readonly RawEvent[], next: number): HistoryFinding {
    const found = events[next] as RawEvent // the caller saw that there is more
    const content = contentOfFound(found)
    const isSame = (stream: string, text: string): boolean => stream === found.stream && text === content
    const isTwice = events.slice(0, next).some((event) => isSame(event.stream, contentOfFound(event)))
    const submission = this.#submissionOf(found.stream, content)
    const kind = submission?.fate === 'refused' ? 'refused' : isTwice ? 'duplicated' : 'invented'
    return finding(kind, `${placeText(found)} is there, and nothing that was submitted belongs there`)
  }

  #submissionOf(stream: string, content: string): Submission | undefined {
    return this.#era.find(({ batch, contents }) =>
      contents.some((text, index) => text === content && batch.events[index]?.stream === stream),
    )
  }

  #settle(present: Present, events: readonly RawEvent[], from: number): void {
    this.#model = present.model
    for (const event of present.added)
      this.#settled.push({ ...event, sum: undefined, time: undefined, removal: undefined })
    const found = new Map(events.map((event) => [event.position, event]))
    for (let index = from - 1; index < this.#settled.length; index++) {
      const event = this.#settled[index] as Settled // below the length
      event.sum = found.get(event.position)?.sum ?? event.sum
      event.time = found.get(event.position)?.time ?? event.time
    }
    this.#era = []
  }

  /** Names whose state can only be asked for one by one. */
  #names(): { readonly commands: readonly string[]; readonly leases: readonly string[] } {
    const commands = new Set(this.#model.commands.keys())
    const leases = new Set(this.#model.leases.keys())
    for (const { batch } of this.#era) {
      if (batch.command !== undefined) commands.add(batch.command.id)
      for (const { lease } of batch.leases ?? []) leases.add(lease)
    }
    return { commands: [...commands], leases: [...leases] }
  }
}

/** One way in which it can have gone: which processes ended before what they were just doing. */
interface Branch {
  /** Where in the era to go on. */
  readonly from: number
  readonly model: HistoryModel
  readonly added: ExpectedEvent[]
  readonly next: number
  /** Nothing more of this process is there. */
  readonly cutOff: number
}

interface Present {
  readonly model: HistoryModel
  readonly added: readonly ExpectedEvent[]
}
