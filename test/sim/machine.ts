// The machine that all processes of a run share: one disk, one clock, one scheduler, and a trace of what happened. A power
// cut ends everything that runs on it.

import { createHash, type Hash } from 'node:crypto'
import type { Disk } from '../../src/disks/disk.ts'
import type { DiskCall } from '../../src/disks/disk-call.ts'
import { faultyDisk } from '../../src/disks/faulty-disk.ts'
import { SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import type { CrashModel } from '../../src/disks/surviving-state.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { type Prng, prng } from '../../src/testing/prng.ts'
import { filesOf } from '../../src/testing/sample-journal.ts'
import type { Fault, Plan } from './plan.ts'
import { Process } from './process.ts'
import { Scheduler, type Waiter } from './scheduler.ts'

export class Machine {
  readonly clock: FakeClock = fakeClock()
  readonly prng: Prng
  readonly scheduler: Scheduler
  readonly #digest: Hash = createHash('sha256')
  readonly #print: ((line: string) => void) | undefined
  readonly #processes: Set<Process> = new Set()
  #power: Waiter & { state: Waiter['state'] } = { name: 'disk', state: 'running' }
  #simulated: SimulatedDisk
  /** How many processes were started so far. */
  started = 0
  faults = 0

  constructor(plan: Plan, print: ((line: string) => void) | undefined) {
    this.prng = prng(plan.seed ^ 0x51)
    this.#print = print
    const trace = (line: string): void => this.note(line)
    this.scheduler = new Scheduler({ clock: this.clock, prng: prng(plan.seed ^ 0xa5), trace }, plan.schedule)
    this.#simulated = new SimulatedDisk({ latency: this.#latency() })
  }

  note(line: string): void {
    this.#digest.update(`${this.clock.now()} ${line}\n`)
    this.#print?.(line)
  }

  start(name: string, faults: readonly Fault[] = []): Process {
    const disk = faults.reduce((inner, fault) => this.#faulty(inner, fault), this.#simulated.disk)
    const process = new Process(`${name}${++this.started}`, this.scheduler, { disk, clock: this.clock })
    this.#processes.add(process)
    return process
  }

  stop(process: Process): void {
    for (const child of process.children) this.kill(child)
    process.stop()
  }

  kill(process: Process): void {
    for (const child of process.children) this.kill(child)
    process.kill(this.prng)
    this.#processes.delete(process)
  }

  cutPower(model: CrashModel, seed: number): void {
    for (const process of this.#processes) this.kill(process)
    this.#power.state = 'dead'
    this.#power = { name: 'disk', state: 'running' }
    this.#simulated = this.#simulated.crash({ seed, model, latency: this.#latency() })
  }

  /** Of all that happened, and of all bytes on the disk. */
  async digests(): Promise<{ readonly trace: string; readonly disk: string }> {
    const disk = createHash('sha256')
    const rest = this.#simulated.crash({ seed: 1, model: 'process' }).disk
    for (const [path, bytes] of [...(await filesOf(rest))].sort(([a], [b]) => (a < b ? -1 : 1))) {
      disk.update(`${path} ${bytes.length}\n`).update(bytes)
    }
    return { trace: this.#digest.copy().digest('hex'), disk: disk.digest('hex') }
  }

  #latency(): () => Promise<void> {
    const power = this.#power
    return () => this.scheduler.turn(power, 'done')
  }

  #faulty(inner: Disk, { only, ...plan }: Fault): Disk {
    const simulated = this.#simulated
    return faultyDisk(inner, {
      ...plan,
      only: (call) => isKind(call, only),
      seed: this.prng.below(1_000_000),
      onFault: ({ op, path }) => {
        this.faults++
        this.note(`fault ${plan.fault} in ${op} ${path}`)
        // As the page cache does: what could not be synced is taken for clean.
        if (op === 'sync') simulated.dropUnsynced(path)
      },
    })
  }
}

const reading: ReadonlySet<string> = new Set(['read', 'size', 'list'])

function isKind({ op, path }: DiskCall, only: Fault['only']): boolean {
  switch (only) {
    case 'any':
      return true
    case 'reading':
      return reading.has(op)
    case 'changing':
      return !reading.has(op) && op !== 'existsNow' && op !== 'lock'
    case 'segments':
      return path.startsWith('segments/')
    case 'syncs':
      return op === 'sync' || op === 'syncDirectory'
  }
}
