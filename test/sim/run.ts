// Interprets a plan. All that happens follows from it: the same plan gives the same trace and the same bytes on the disk.

import type { CrashModel } from '../../src/disks/surviving-state.ts'
import { isHoldfastError } from '../../src/errors.ts'
import { createJournal, type Journal } from '../../src/journal.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { Following } from './following.ts'
import { Ledger } from './ledger.ts'
import { type Stopped, Writing } from './life.ts'
import { Machine } from './machine.ts'
import { type MemoryDirectories, memoryDirectories } from './memory-directories.ts'
import type { Follower, Plan } from './plan.ts'
import type { Process } from './process.ts'
import { Violation } from './violation.ts'

export interface Outcome {
  readonly violation: Violation | undefined
  /** SHA-256 of all that happened, and of the disk in the end. */
  readonly trace: string
  readonly disk: string
  readonly steps: number
  readonly appends: number
  readonly acknowledged: number
  readonly faults: number
}

export async function simulate(plan: Plan, print?: (line: string) => void): Promise<Outcome> {
  const run = new Run(plan, print)
  const ignore = run.ledger.observe()
  try {
    return await run.outcome()
  } finally {
    ignore()
  }
}

interface Subscriber {
  readonly following: Following
  readonly plan: Follower
  /** By whom it is followed now. */
  process: Process | undefined
}

export class Run {
  readonly plan: Plan
  readonly machine: Machine
  readonly ledger: Ledger = new Ledger()
  readonly directories: MemoryDirectories = memoryDirectories()
  readonly sending: Set<Promise<void>> = new Set()
  readonly #subscribers: Subscriber[] = []
  #reader: Process | undefined
  #journalId: string | undefined

  constructor(plan: Plan, print: ((line: string) => void) | undefined) {
    this.plan = plan
    this.machine = new Machine(plan, print)
  }

  async outcome(): Promise<Outcome> {
    const violation = await this.#lives().then(
      () => this.ledger.violation,
      (error: unknown) =>
        error instanceof Violation ? error : new Violation('defect', String((error as Error).stack)),
    )
    const { scheduler, faults } = this.machine
    const { appends, acknowledged } = this.ledger
    return { violation, ...(await this.machine.digests()), steps: scheduler.steps, appends, acknowledged, faults }
  }

  async #lives(): Promise<void> {
    let stopped: Stopped | undefined
    for (const [number, life] of this.plan.lives.entries()) {
      this.machine.note(`life ${number}: ${JSON.stringify(life.end)} ${JSON.stringify(life.faults)}`)
      const before = stopped
      stopped = await new Writing(this, life, number).live(before)
      if (before !== undefined) this.machine.kill(before.process)
    }
    if (stopped !== undefined) this.machine.kill(stopped.process)
    for (const end of ['close', 'close'] as const) {
      const last = {
        followers: [{ select: 'all', slow: 0 }],
        faults: [],
        waves: [],
        end: { how: end, seed: 0 },
      } as const
      await new Writing(this, last, this.plan.lives.length).finish()
    }
  }

  opened(store: FileStore): void {
    const { journalId } = store.identity()
    this.#journalId ??= journalId
    if (journalId !== this.#journalId) throw new Violation('identity', 'the journal has become another one')
  }

  cutPower(model: CrashModel, seed: number): void {
    this.machine.cutPower(model, seed)
    this.#reader = undefined
    this.sending.clear()
  }

  /** Those of earlier lives go on; there are as many as the plan asks for. */
  follow(
    plans: readonly Follower[],
    journal: Journal,
    { process, faulty }: { readonly process: Process; readonly faulty: boolean },
  ): void {
    const { scheduler } = this.machine
    for (const plan of plans) {
      const key = JSON.stringify(plan.select)
      const free = this.#subscribers.find(
        (each) => JSON.stringify(each.plan.select) === key && each.process?.state !== 'running',
      )
      const subscriber = free ?? this.#newSubscriber(plan)
      subscriber.process = process
      subscriber.following.follow(journal, { process, scheduler, faulty })
    }
  }

  #newSubscriber(plan: Follower): Subscriber {
    const who = `subscriber${this.#subscribers.length + 1}`
    const subscriber = { following: new Following(who, plan, this.ledger), plan, process: undefined }
    this.#subscribers.push(subscriber)
    return subscriber
  }

  /** All that follow now, in this process or in the one that reads. */
  async caughtUp(writer: Process): Promise<void> {
    const live = this.#subscribers.filter(({ process }) => process === writer || process === this.#reader)
    await Promise.all(
      live.filter(({ process }) => process?.state === 'running').map(({ following }) => following.caughtUp()),
    )
  }

  startReader(): void {
    if (this.#reader?.state === 'running') return
    const process = this.machine.start('reader')
    this.#reader = process
    this.#read(process).catch((error: unknown) => {
      this.machine.kill(process)
      // It may have come before there was anything to read.
      if (isHoldfastError(error, 'JOURNAL_MISSING') && this.#journalId === undefined) return
      this.ledger.fail(new Violation('reader', `opening for reading failed: ${String(error)}`))
    })
  }

  async #read(process: Process): Promise<void> {
    await this.machine.scheduler.turns(process, 'reader', this.machine.prng.below(80))
    const store = await openFileStore({
      disk: process.disk,
      clock: process.clock,
      random: seededRandom(1),
      process: { pid: 3, host: 'simulated' },
      segmentBytes: this.plan.segmentBytes,
      readOnly: true,
    })
    const journal = createJournal(store, { clock: process.clock })
    // From the start each time: before a writer has looked at what a power cut left, a reader doesn't know of all that is
    // durable, and would take the cursor of one who saw it for that of another history.
    const subscriber = this.#newSubscriber({ select: 'all', slow: 1 })
    subscriber.process = process
    subscriber.following.follow(journal, { process, scheduler: this.machine.scheduler, faulty: false })
  }
}
