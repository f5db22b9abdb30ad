// The runs that this process has in hand, and its workers: who drives what, and how those who belong together hear of each
// other.
//
// Invariant: of a run there is one at most here, so that in this process it is executed at most once at a time.

import { parseDuration } from '../core/duration.ts'
import type { Clock } from '../host/clock.ts'
import type { Processes } from '../host/processes.ts'
import type { Random } from '../host/random.ts'
import type { Duration, Fence } from '../journal/append-options.ts'
import { checkWhole } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import { limits } from '../limits.ts'
import { ActiveRun, type ActiveTerms } from './active-run.ts'
import { type Definition, Definitions } from './definitions.ts'
import { DueQueue } from './due-queue.ts'
import type { Child, ChildRef, Family } from './family.ts'
import { HaltedRuns } from './halted-runs.ts'
import { ProcessHold } from './process-hold.ts'
import { RestingRuns } from './resting-runs.ts'
import { RunEnds } from './run-ends.ts'
import { agendaIdOf, type RunCreated, type RunEvent } from './run-event.ts'
import { closed, type Employer, type RunGround } from './run-ground.ts'
import { RunLeases } from './run-leases.ts'
import { RunOwner } from './run-owner.ts'
import { WakingRoom } from './waking-room.ts'
import { Worker, type WorkerOptions } from './worker.ts'

export interface RunsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  /** How long a run is left alone after its process has died, where that can't be proven; '15s' by default. */
  readonly leaseTtl?: Duration
  /** How many runs that sleep or wait stay in memory; 64 by default. The others are brought back when something happens. */
  readonly resident?: number
}

export interface RunsAround {
  /** There is something in hand here: what others do is of interest from now on. */
  readonly follow: () => void
  /** Asks a run to end, wherever it is driven. */
  readonly cancel: (id: string, reason: string) => Promise<void>
}

export class RunsInHand implements Family {
  readonly ground: RunGround
  readonly definitions: Definitions = new Definitions()
  readonly #around: RunsAround
  readonly #workers: Set<Worker> = new Set()
  readonly #active: Map<string, ActiveRun> = new Map()
  #isClosed = false

  constructor(journal: Journal, options: RunsOptions, around: RunsAround) {
    const { clock, random, processes, leaseTtl = '15s', resident = limits.runsResident } = options
    this.#around = around
    const hold = new ProcessHold()
    const isClosed = (): boolean => this.#isClosed
    this.ground = {
      journal,
      host: { journal, clock, random, missingAskMs: 5_000, family: this },
      leases: new RunLeases({
        journal,
        clock,
        owner: new RunOwner({
          processes,
          journal: journal.id,
          hasManyWriters: journal.hasManyWriters,
          nonce: journal.hasManyWriters ? random.hex(8) : '',
        }),
        ttlMs: parseDuration(leaseTtl, 'leaseTtl'),
      }),
      ends: new RunEnds(),
      due: new DueQueue(clock),
      resting: new RestingRuns(checkWhole(resident, 'resident'), clock),
      room: new WakingRoom(limits.runsWakingAtOnce),
      halted: new HaltedRuns({ journal, clock, random }),
      keepAlive: () => hold.take(),
      left: (run) => this.#active.delete(run.id),
      get isClosed() {
        return isClosed()
      },
    }
  }

  /** In hand already, or from now on. */
  run(id: string, definition: Definition, terms: ActiveTerms): ActiveRun {
    return this.#active.get(id) ?? this.#take(id, definition, terms)
  }

  hire(options: WorkerOptions): Worker {
    if (this.#isClosed) throw closed()
    this.#around.follow()
    const { journal, host, leases } = this.ground
    const worker = new Worker(
      {
        journal,
        clock: host.clock,
        leases,
        definitions: this.definitions,
        has: (id) => this.#active.has(id),
        takeOn: (name, id, fence, employer) => this.#takeOn(name, id, { fence, employer }),
        gone: (gone) => this.#workers.delete(gone),
      },
      options,
    )
    this.#workers.add(worker)
    worker.begin()
    return worker
  }

  /** There may be work for the workers. */
  look(): void {
    for (const worker of this.#workers) worker.look()
  }

  /** Something may have been missed of what others did. */
  missed(): void {
    for (const run of [...this.#active.values()]) run.lookAgain()
    this.ground.ends.tellAll()
    this.look()
  }

  /** Lets go of all. They go on with whoever runs them next. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const { due, ends, leases } = this.ground
    due.stop()
    const stopping = [...this.#workers].map((worker) => worker.stop())
    const held = [...this.#active.values()].map((run) => run.close()).filter((fence) => fence !== undefined)
    ends.tellAll()
    await Promise.all([leases.releaseAll(held), ...stopping])
    leases.leave()
  }

  leaseFor({ call, name }: Child): { readonly acquire: string; readonly ttl: number } | undefined {
    const isDrivenHere = call !== undefined || (this.definitions.find(name) !== undefined && !this.#isServed(name))
    return isDrivenHere ? { acquire: this.ground.leases.owner, ttl: this.ground.leases.ttlMs } : undefined
  }

  begun({ id, name, call: given }: Child, { data, time, token }: Parameters<Family['begun']>[1]): void {
    const call = this.#definitionOf(name, given)
    if (token === undefined || call === undefined) {
      this.look()
      return
    }
    const record = { id, created: data as RunCreated, createdAt: time }
    this.#take(id, call).beginWith(record, { lease: agendaIdOf(name, id), token })
  }

  adopt({ id, name, call }: Child): void {
    const found = call === undefined && this.#isServed(name) ? undefined : this.#definitionOf(name, call)
    if (found === undefined || this.#active.has(id) || this.#isClosed) return
    this.#take(id, found).begin()
  }

  cancel({ id }: ChildRef, reason: string): void {
    this.#around.cancel(id, reason).catch(() => {
      // It is not there yet, has ended, or the journal has failed: the end of its parent cancels what is left.
    })
  }

  told(id: string, event: RunEvent): void {
    const active = this.#active.get(id)
    if (active === undefined) this.look()
    else active.offer(event)
  }

  #definitionOf(name: string, call: Child['call']): Definition | undefined {
    return call === undefined ? this.definitions.find(name) : { call: call as Definition['call'] }
  }

  #take(id: string, code: Definition, terms: ActiveTerms = {}): ActiveRun {
    this.#around.follow()
    const active = new ActiveRun(this.ground, id, code, terms)
    this.#active.set(id, active)
    return active
  }

  #takeOn(
    name: string,
    id: string,
    { fence, employer }: { readonly fence: Fence; readonly employer: Employer },
  ): ActiveRun | undefined {
    const active = this.#active.get(id)
    if (active !== undefined) return active.takeOn(fence, employer) ? active : undefined
    const call = this.definitions.find(name)
    if (call === undefined) return undefined
    const taken = this.#take(id, call, { employer })
    taken.begin(fence)
    return taken
  }

  #isServed(name: string): boolean {
    return [...this.#workers].some((worker) => worker.serves(name))
  }
}
