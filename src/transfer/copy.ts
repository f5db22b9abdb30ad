// Copying a journal from one store to another, with all that it holds, so that one of the two goes on with it.
//
//   a move    bulk, while the source is in use (where others can write to it at all)
//             the source is marked as moving: nobody writes to it any more
//             the rest, and the state
//             the target is read back whole and compared with the source
//             the target becomes a journal, in one step
//             the source is marked as moved
//   a fork    the same without the marks; the target gets an epoch of its own
//
// Where this process alone can write to the source (a directory, under its lock), it need not be marked until the copy is
// verified: a crash before that leaves it as usable as it was.
//
// Invariants: the target is no journal before the source is marked, so never do both take writes; an error before the last
// two steps takes the mark back, and a crash leaves what the next run, or abandon(), finds. Whatever was taken from an
// earlier run, the comparison is of everything: when it finds a difference there, all is copied anew once.

import { movedError } from '../core/moved.ts'
import type { Position } from '../core/numbers.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { CopyIntake, CopyNote, CopySource, CopyTarget } from '../stores/copy-port.ts'
import type { Ancestor, ImportRecord, LongWork, Relocation, Store } from '../stores/store.ts'
import { forkedPages, historyPages, type LeftBehind, missingPages } from './copy-records.ts'
import { differences, type Tally, TallyCount, type TallyKind } from './copy-tally.ts'

export interface CopyProgress {
  /** copy: while the source is in use · rest: what came since, and the state · verify: reading the target back. */
  readonly stage: 'copy' | 'rest' | 'verify'
  /** Gone through in this stage. */
  readonly events: number
  readonly bytes: number
  readonly blobs: number
}

export interface CopyReport {
  readonly from: string
  readonly to: string
  readonly journal: string
  /** Of the target. */
  readonly epoch: string
  readonly outcome: 'moved' | 'forked'
  /** Behind which position it went on, where an earlier run had been interrupted; 0 when it began at the start. */
  readonly resumedAt: Position
  /** What is the same in both. undefined: an earlier run had finished the copy, and only the mark was missing. */
  readonly compared: Tally | undefined
  /** What a fork leaves to the source. */
  readonly left: Readonly<LeftBehind> | undefined
}

export interface CopyWork extends LongWork<CopyProgress> {
  readonly fork: boolean
  readonly clock: Clock
  readonly random: Random
}

type Pages = AsyncIterable<readonly ImportRecord[]>

interface Copied {
  readonly tally: Tally
  /** The newest position. */
  readonly through: Position
  readonly differing: readonly TallyKind[]
}

/** Throws TARGET_NOT_EMPTY, MOVED, READ_ONLY, ABORTED, DISK_FULL, IO, and DAMAGED when the source is, or when the target
 * differs from it. */
export function copyStore(source: CopySource, target: CopyTarget, work: CopyWork): Promise<CopyReport> {
  return new Copying(source, target, work).run()
}

class Copying {
  readonly #source: CopySource
  readonly #store: Store
  readonly #target: CopyTarget
  readonly #work: CopyWork
  #left: LeftBehind = { agenda: 0, leases: 0 }
  /** Something in the target was taken from the source at an earlier time: retention may have taken it there since. */
  #mayBeStale = false
  #sourceFailure: unknown

  constructor(source: CopySource, target: CopyTarget, work: CopyWork) {
    this.#source = source
    this.#store = source.store
    this.#target = target
    this.#work = work
  }

  async run(): Promise<CopyReport> {
    this.#checkSignal()
    const { fork } = this.#work
    const marked = fork ? undefined : await this.#store.relocation()
    const place = await this.#target.look()
    if (marked !== undefined) {
      const isDone = place.kind === 'journal' && place.copy === marked.copy
      if (isDone) return this.#onlyMark(marked)
      const isBegun = place.kind === 'unfinished' && place.note.id === marked.copy && marked.state === 'moving'
      if (!isBegun) throw movedError(this.#source.name, marked)
    }
    if (place.kind === 'journal') throw taken(this.#target.name)
    if (!fork && this.#store.readOnly !== undefined) throw unwritable(this.#source.name, this.#store.readOnly)
    const note = place.kind === 'unfinished' ? this.#own(place.note) : this.#newNote()
    this.#mayBeStale = place.kind === 'unfinished'
    const intake = await this.#target.begin(note)
    try {
      if (fork) return await this.#fork(intake, note)
      // Asked again: who gives a copy up takes the mark back while it holds the target, which is held here now.
      return await this.#move(intake, note, await this.#store.relocation())
    } finally {
      await intake.close()
    }
  }

  /** The target was finished before. */
  async #onlyMark(marked: Relocation): Promise<CopyReport> {
    if (marked.state !== 'moved') await this.#store.relocate({ ...marked, state: 'moved' })
    const { journalId: journal, epoch } = this.#store.identity()
    return this.#report({ journal, epoch }, { resumedAt: 0, compared: undefined })
  }

  #report(
    { journal, epoch }: Pick<CopyNote, 'journal' | 'epoch'>,
    told: Pick<CopyReport, 'resumedAt' | 'compared'>,
  ): CopyReport {
    const { fork } = this.#work
    const places = { from: this.#source.name, to: this.#target.name }
    const outcome = fork ? 'forked' : 'moved'
    return { ...places, journal, epoch, outcome, ...told, left: fork ? this.#left : undefined }
  }

  #newNote(): CopyNote {
    const { clock, random, fork } = this.#work
    const { journalId: journal, epoch: source } = this.#store.identity()
    const epoch = fork ? random.hex(16) : source
    return { id: random.hex(16), from: this.#source.name, journal, source, epoch, begun: clock.now() }
  }

  /** An unfinished copy can only go on as what it was begun as. */
  #own(note: CopyNote): CopyNote {
    const { journalId, epoch } = this.#store.identity()
    const wasFork = note.epoch !== note.source
    if (note.journal === journalId && note.source === epoch && wasFork === this.#work.fork) return note
    const isOther = note.journal !== journalId || note.source !== epoch
    const what = isOther ? `of another journal, ${note.from}` : wasFork ? 'that forks' : 'that moves'
    throw new HoldfastError('TARGET_NOT_EMPTY', `${this.#target.name} holds an unfinished copy ${what}`, {
      hint: isOther
        ? 'Choose another target, or finish or abandon that copy first.'
        : `Run it ${wasFork ? 'with' : 'without'} --fork to finish it, or with --abandon to remove it.`,
      details: { copy: note.id, from: note.from },
    })
  }

  async #move(intake: CopyIntake, note: CopyNote, marked: Relocation | undefined): Promise<CopyReport> {
    const { clock } = this.#work
    if (marked !== undefined && marked.copy !== note.id) throw movedError(this.#source.name, marked)
    const moving: Relocation = { state: 'moving', to: this.#target.name, copy: note.id, time: clock.now() }
    const resumedAt = intake.position
    let isMarked = marked !== undefined
    let compared: Tally
    try {
      if (this.#source.hold !== undefined) await this.#source.hold(moving)
      else if (!isMarked) {
        await this.#bulk(intake)
        await this.#store.relocate(moving)
        isMarked = true
      }
      compared = (await this.#rest(intake)).tally
      this.#checkSignal()
      if (!isMarked) await this.#store.relocate(moving)
      isMarked = true
    } catch (error) {
      // The failure that led here matters more; where the mark stays, whoever opens the journal is told what to do.
      if (isMarked) await this.#store.relocate(undefined).catch(() => undefined)
      throw error
    }
    // From here on the mark stays whatever happens: the target may be a journal already.
    await intake.finish(this.#store.identity().ancestors ?? [])
    await this.#store.relocate({ ...moving, state: 'moved' })
    return this.#report(note, { resumedAt, compared })
  }

  async #fork(intake: CopyIntake, note: CopyNote): Promise<CopyReport> {
    const resumedAt = intake.position
    const { tally: compared, through } = await this.#rest(intake)
    const { epoch, ancestors = [] } = this.#store.identity()
    await intake.finish([...ancestors, { epoch, through } satisfies Ancestor])
    return this.#report(note, { resumedAt, compared })
  }

  /** What is there while others go on writing. */
  async #bulk(intake: CopyIntake): Promise<void> {
    const load = (): Promise<true> => {
      const pages = this.#told('copy', new TallyCount(), this.#dump(intake))
      return intake.load(missingPages(historyPages(pages), intake)).then(() => true)
    }
    if ((await this.#unlessStale(load)) === undefined) {
      await intake.clear()
      await load()
    }
    this.#mayBeStale = true
  }

  /** All that is missing, and the comparison. */
  async #rest(intake: CopyIntake): Promise<Copied> {
    if (this.#mayBeStale) {
      const copied = await this.#unlessStale(() => this.#copyAll(intake))
      if (copied?.differing.length === 0) return copied
      await intake.clear()
    }
    const copied = await this.#copyAll(intake)
    if (copied.differing.length === 0) return copied
    throw new HoldfastError('DAMAGED', `${this.#target.name} is not what was copied to it`, {
      hint: `They differ in: ${copied.differing.join(', ')}. Check the target's disk, verify the source, and copy again.`,
      details: { kind: 'copy-differs', differing: copied.differing },
    })
  }

  /** undefined: the target refuses what it is given, because what it has is of another time. */
  async #unlessStale<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const isOfTarget = error !== this.#sourceFailure && isHoldfastError(error, 'IMPORT_INVALID', 'DAMAGED')
      if (!isOfTarget || !this.#mayBeStale) throw error
      return undefined
    }
  }

  async #copyAll(intake: CopyIntake): Promise<Copied> {
    this.#left = { agenda: 0, leases: 0 }
    const given = new TallyCount()
    await intake.load(missingPages(this.#told('rest', given, this.#dump(intake)), intake))
    const found = new TallyCount()
    for await (const _page of this.#told('verify', found, intake.dump())) this.#checkSignal()
    const tally = given.end()
    return { tally, through: given.through, differing: differences(tally, found.end()) }
  }

  #dump(intake: CopyIntake): Pages {
    const pages = this.#store.dump({ withoutContent: (digest) => intake.hasBlob(digest) })
    return this.#sourced(this.#work.fork ? forkedPages(pages, this.#left) : pages)
  }

  async *#sourced(pages: Pages): AsyncGenerator<readonly ImportRecord[]> {
    try {
      yield* pages
    } catch (error) {
      this.#sourceFailure = error
      throw error
    }
  }

  /** Counts what passes, tells how far it is, and stops when that was asked for. */
  async *#told(stage: CopyProgress['stage'], count: TallyCount, pages: Pages): AsyncGenerator<readonly ImportRecord[]> {
    for await (const page of pages) {
      this.#checkSignal()
      for (const record of page) count.add(record)
      yield page
      const events = count.count('event')
      this.#work.progress?.({ stage, events, bytes: count.bytes, blobs: count.count('blob') })
    }
  }

  #checkSignal(): void {
    const { signal } = this.#work
    if (signal?.aborted !== true) return
    throw new HoldfastError('ABORTED', `copying ${this.#source.name} was stopped`, {
      hint: 'The source is as usable as before. Call it again to go on, or abandon what is there.',
      cause: signal.reason as unknown,
    })
  }
}

function taken(name: string): HoldfastError {
  return new HoldfastError('TARGET_NOT_EMPTY', `${name} is a journal already`, {
    hint: 'Choose a place where nothing is; a copy never overwrites.',
  })
}

function unwritable(name: string, why: string): HoldfastError {
  return new HoldfastError('READ_ONLY', `${name} can't be marked as moved: ${why}`, {
    hint: 'Mend that, or copy with --fork, which only reads the source.',
  })
}
