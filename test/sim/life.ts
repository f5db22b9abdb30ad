// One process that writes, from its opening to its end as the plan has it: by a clean close, a kill, a power cut, or by being
// stopped while another one takes over.

import { HoldfastError, isHoldfastError } from '../../src/errors.ts'
import { createJournal, type Journal } from '../../src/journal.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { checkBlobs } from '../crash/check-blobs.ts'
import { perform, type Scene } from './operations.ts'
import type { Life, Operation, Wave } from './plan.ts'
import type { Process } from './process.ts'
import type { Run } from './run.ts'
import { Hang } from './scheduler.ts'
import { Violation } from './violation.ts'

/** The life has come to the step at which it is to end. */
class Cut extends Error {}
/** Faults have left nothing to go on with. */
class Sick extends Error {}

/** Codes that only a failing disk can give a writer that is open. */
const troubles = [
  'LATCHED',
  'INDETERMINATE',
  'IO',
  'DISK_FULL',
  'SUPERSEDED',
  'READ_ONLY',
  'CLOSED',
  'QUEUE_FULL',
] as const

export interface Stopped {
  readonly process: Process
  readonly store: FileStore
}

export class Writing {
  readonly #run: Run
  readonly #life: Life
  readonly #process: Process
  readonly #until: number
  #scene: Scene | undefined

  constructor(run: Run, life: Life, number: number) {
    this.#run = run
    this.#life = life
    this.#process = run.machine.start(`writer${number}-`, life.faults)
    const { at } = life.end
    this.#until = at === undefined ? Number.POSITIVE_INFINITY : run.machine.scheduler.steps + at
  }

  /** Who was stopped, when the life ended so. */
  async live(stopped: Stopped | undefined): Promise<Stopped | undefined> {
    const { machine } = this.#run
    const { how, seed } = this.#life.end
    try {
      await this.#open(stopped)
      for (const wave of this.#life.waves) await this.#wave(wave)
      if (how === 'close') {
        await this.#close()
        machine.kill(this.#process)
        return undefined
      }
    } catch (error) {
      if (!(error instanceof Cut || error instanceof Sick)) throw error
      machine.note(error instanceof Cut ? `cut: ${how}` : `sick: ${error.message}`)
    }
    if (how === 'takeover' && this.#scene !== undefined) {
      machine.stop(this.#process)
      await this.#drain()
      return { process: this.#process, store: this.#scene.store }
    }
    if (how === 'adversarial' || how === 'ext4') this.#run.cutPower(how, seed)
    else machine.kill(this.#process)
    return undefined
  }

  /** What the process had handed to the system when it was stopped is done before another one takes over. */
  async #drain(): Promise<void> {
    const { scheduler } = this.#run.machine
    while (scheduler.hasIssued(this.#process)) await scheduler.run(new Promise(() => undefined), scheduler.steps + 1)
  }

  /** Everything once more, by a last process to which nothing happens. */
  async finish(): Promise<void> {
    await this.#open(undefined)
    await this.#wave({ operations: lastOperations })
    await this.#close()
  }

  async #open(stopped: Stopped | undefined): Promise<void> {
    const { machine, ledger, directories, plan, sending } = this.#run
    if (this.#life.reader === true) this.#run.startReader()
    ledger.history.nextProcess()
    const store = await this.#mayFail(
      openFileStore({
        disk: this.#process.disk,
        clock: this.#process.clock,
        random: seededRandom(plan.seed + machine.scheduler.steps),
        process: { pid: 1, host: 'simulated' },
        segmentBytes: plan.segmentBytes,
        takeover: stopped !== undefined,
        directories,
      }),
    )
    // Of an empty journal: what it is called is not durable where there was no room to make it so.
    if (store.readOnly !== undefined) throw new Sick(`open for reading only: ${store.readOnly}`)
    this.#run.opened(store)
    const journal: Journal = createJournal(store, { clock: this.#process.clock })
    const sound = this.#life.faults.length === 0
    this.#scene = { plan, machine, ledger, directories, process: this.#process, journal, store, sound, sending }
    if (stopped !== undefined) this.#resume(stopped)
    await this.#settle()
    this.#run.follow(this.#life.followers, journal, { process: this.#process, faulty: !sound })
  }

  /** The one that was stopped goes on beside its successor, and does not know of it. */
  #resume({ process, store }: Stopped): void {
    const { ledger } = this.#run
    ledger.supersede(store)
    process.resume()
    const event = { stream: 'late', type: 'late', version: 1, data: '0' }
    const late = async (): Promise<void> => {
      await this.#run.machine.scheduler.turns(process, 'late', 5)
      await store.append({ events: [event], durability: 'sync' })
    }
    late().catch((error: unknown) => this.#judge(error, { do: 'append', wait: 0, events: [] }, false))
  }

  async #wave(wave: Wave): Promise<void> {
    const { machine, sending } = this.#run
    const scene = this.#mustScene()
    if (wave.clockMs !== undefined) machine.clock.set(machine.clock.now() + wave.clockMs)
    if (wave.check === true) await this.#settle()
    await this.#drive(Promise.all(wave.operations.map((operation) => this.#operate(operation, scene))))
    await this.#drive(Promise.all(sending))
    await this.#flush()
  }

  async #operate(operation: Operation, scene: Scene): Promise<void> {
    const { machine } = this.#run
    try {
      await perform(operation, scene)
      machine.note(`${operation.do} done`)
    } catch (error) {
      machine.note(`${operation.do} failed: ${isHoldfastError(error) ? error.code : String(error)}`)
      this.#judge(error, operation, scene.sound && !this.#run.ledger.isSuperseded(scene.store))
    }
  }

  #judge(error: unknown, { do: what }: Operation, sound: boolean): void {
    const { ledger } = this.#run
    if (error instanceof Violation) ledger.fail(error)
    else if (!isHoldfastError(error)) ledger.fail(new Violation('error', `${what}: ${describe(error)}`))
    else if (isHoldfastError(error, 'ASSERTION', 'DAMAGED') || (sound && isHoldfastError(error, ...troubles))) {
      ledger.fail(new Violation('error', `${what}: ${describe(error)}`))
    }
  }

  /** Nothing of the wave is left on its way. A writer that has failed is mended in place. */
  async #flush(): Promise<void> {
    const { history } = this.#run.ledger
    const { store } = this.#mustScene()
    try {
      await this.#drive(history.flush(store))
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      if (this.#life.faults.length === 0) throw new Violation('error', `flush: ${describe(error)}`)
      history.nextProcess()
      await this.#mayFail(store.reopen())
      this.#run.machine.note('reopened')
    }
  }

  /** Everything is read, compared, and from then on taken for the truth. */
  async #settle(): Promise<void> {
    const { ledger, machine, sending } = this.#run
    const { store } = this.#mustScene()
    // Commands of senders that have outlived the process before are applied meanwhile.
    await this.#drive(Promise.all(sending))
    const finding = await this.#mayFail(ledger.history.check(store, { settle: true }))
    if (finding !== undefined) throw new Violation(finding.kind, finding.message)
    await this.#mayFail(checkBlobs(store))
    await this.#mayFail(ledger.check(store))
    if (this.#life.faults.length === 0) await this.#drive(this.#run.caughtUp(this.#process))
    machine.note(`settled at ${ledger.history.settledPosition}`)
  }

  async #close(): Promise<void> {
    const { journal } = this.#mustScene()
    await this.#mayFail(journal.close())
  }

  #mustScene(): Scene {
    if (this.#scene === undefined) throw new Error('the journal is opened first')
    return this.#scene
  }

  async #mayFail<T>(work: Promise<T>): Promise<T> {
    try {
      return await this.#drive(work)
    } catch (error) {
      if (error instanceof Violation || error instanceof Cut) throw error
      const isHonest = error instanceof HoldfastError && error.code !== 'ASSERTION' && error.code !== 'DAMAGED'
      if (isHonest && this.#life.faults.length > 0) throw new Sick(error.code)
      throw new Violation('error', describe(error))
    }
  }

  /** Lets everything go on until this is done. */
  async #drive<T>(work: Promise<T>): Promise<T> {
    const { ledger, machine } = this.#run
    const isDone = await machine.scheduler.run(work, this.#until).catch((error: unknown) => {
      throw ledger.violation ?? (error instanceof Hang ? new Violation('hang', error.message) : error)
    })
    if (ledger.violation !== undefined) throw ledger.violation
    if (!isDone) throw new Cut()
    return await work
  }
}

const lastOperations: readonly Operation[] = [
  { do: 'append', wait: 0, events: [{ stream: 0, bytes: 10 }] },
  {
    do: 'append',
    wait: 0,
    events: [
      { stream: 2, bytes: 10 },
      { stream: 4, bytes: 10 },
    ],
  },
  { do: 'verify', wait: 1 },
  { do: 'read', wait: 2, select: 'all' },
]

function describe(error: unknown): string {
  if (error instanceof HoldfastError) return `${error.code} ${error.message}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
