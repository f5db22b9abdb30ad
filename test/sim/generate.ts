// From a seed to a plan.

import { type Prng, prng } from '../../src/testing/prng.ts'
import {
  type AppendSpec,
  blobBytes,
  type Ending,
  type EventSpec,
  type Fault,
  type Follower,
  type LeaseSpec,
  type Life,
  type Operation,
  type Plan,
  prefixes,
  type RetainSpec,
  type Selection,
  streamNames,
  type Wave,
} from './plan.ts'

export function generatePlan(seed: number): Plan {
  return new Generation(prng(seed)).plan(seed)
}

class Generation {
  readonly #prng: Prng
  /** What each command id was first used for, so that it can be repeated. */
  readonly #commands: AppendSpec[] = []
  readonly #faulty: boolean
  readonly #withBlobs: boolean
  readonly #withPins: boolean

  constructor(source: Prng) {
    this.#prng = source
    this.#faulty = source.chance(0.4)
    this.#withBlobs = source.chance(0.4)
    this.#withPins = source.chance(0.5)
  }

  plan(seed: number): Plan {
    const newest = this.#pick([0, 0, 30, 80])
    return {
      seed,
      segmentBytes: this.#pick([4_096, 4_096, 8_192, 16_384]),
      schedule: { newest, oldest: this.#pick([0, 0, 50, 100 - newest]), tick: this.#pick([0, 5, 50]) },
      lives: this.#many(1 + this.#prng.below(4), () => this.#life()),
    }
  }

  #life(): Life {
    return {
      followers: this.#many(this.#prng.below(3), () => this.#follower()),
      ...(this.#prng.chance(0.3) ? { reader: true } : {}),
      faults: this.#faulty && this.#prng.chance(0.5) ? this.#many(1 + this.#prng.below(2), () => this.#fault()) : [],
      waves: this.#many(1 + this.#prng.below(4), () => this.#wave()),
      end: this.#ending(),
    }
  }

  #ending(): Ending {
    const how = this.#pick(['close', 'kill', 'kill', 'takeover', 'adversarial', 'adversarial', 'ext4'] as const)
    const seed = this.#prng.below(1_000_000)
    if (how === 'close' || this.#prng.chance(0.2)) return { how, seed }
    // A third of them inside the opening.
    return { how, seed, at: this.#prng.chance(0.33) ? 1 + this.#prng.below(70) : 60 + this.#prng.below(600) }
  }

  #follower(): Follower {
    return { select: this.#selection(), slow: this.#prng.below(4) }
  }

  #selection(): Selection {
    if (this.#prng.chance(0.5)) return 'all'
    return this.#prng.chance(0.5) ? { stream: this.#stream() } : { prefix: this.#prng.below(prefixes.length) }
  }

  #fault(): Fault {
    return {
      at: 1 + this.#prng.below(this.#pick([30, 200])),
      times: this.#pick(['once', 'once', 'forever'] as const),
      fault: this.#pick(['EIO', 'ENOSPC', 'short'] as const),
      only: this.#pick(['any', 'changing', 'reading', 'segments', 'syncs'] as const),
    }
  }

  #wave(): Wave {
    const retains = this.#prng.chance(0.3)
    const leaps = !retains && this.#prng.chance(0.2)
    const operations = this.#many(2 + this.#prng.below(7), () => this.#operation(retains))
    if (retains)
      operations.push({ do: 'retain', wait: this.#prng.below(4), rule: this.#retention(), ...this.#dryRun() })
    return {
      ...(leaps ? { clockMs: this.#pick([-3_600_000, -1, 1, 90_000, 86_400_000]) } : {}),
      ...(retains || this.#prng.chance(0.2) ? { check: true } : {}),
      operations,
    }
  }

  #dryRun(): { readonly dryRun?: boolean } {
    return this.#prng.chance(0.2) ? { dryRun: true } : {}
  }

  #operation(retains: boolean): Operation {
    const wait = this.#prng.below(6)
    const chance = this.#prng.below(100)
    if (chance < 68) return { do: 'append', wait, ...this.#append(retains) }
    if (chance < 74) return { do: 'submit', wait, ...this.#submission(retains) }
    if (chance < 82) {
      const backward = this.#prng.chance(0.3) ? { backward: true } : {}
      const limit = this.#prng.chance(0.3) ? { limit: 1 + this.#prng.below(5) } : {}
      return { do: 'read', wait, select: this.#selection(), ...backward, ...limit }
    }
    if (chance < 84 && this.#withBlobs) return { do: 'stage', wait, blob: this.#prng.below(blobBytes.length) }
    if (chance < 90) return { do: 'flush', wait }
    return { do: this.#pick(['intrude', 'verify', 'backup', 'export', 'probe', 'stats'] as const), wait }
  }

  /** `retains`: pins and releases would leave open what retention takes. */
  #append(retains: boolean): AppendSpec {
    if (this.#commands.length > 0 && this.#prng.chance(0.1)) return this.#repetition(retains)
    const spec: AppendSpec = {
      events: this.#prng.chance(0.08) ? [] : this.#events(),
      ...(this.#prng.chance(0.15) ? { eventual: true } : {}),
      ...this.#conditions(),
      ...this.#changes(retains),
    }
    return this.#prng.chance(0.25) ? this.#asCommand(spec) : spec
  }

  #submission(retains: boolean): AppendSpec {
    if (this.#commands.length > 0 && this.#prng.chance(0.2)) return this.#repetition(retains)
    return this.#asCommand({ events: this.#events(), ...this.#conditions(), ...this.#changes(retains) })
  }

  #asCommand(spec: AppendSpec): AppendSpec {
    const command = { ...spec, command: { id: this.#commands.length, variant: 0 } }
    this.#commands.push(command)
    return command
  }

  #repetition(retains: boolean): AppendSpec {
    const { expect: _expect, fence: _fence, ...first } = this.#pick(this.#commands)
    const id = first.command?.id ?? 0
    if (this.#prng.chance(0.3)) return { events: this.#events(), command: { id, variant: 1 } }
    // What is repeated must be the same; where it changes what retention goes by, another id stands for it.
    return retains && (first.pin !== undefined || first.release !== undefined) ? { events: this.#events() } : first
  }

  #events(): readonly EventSpec[] {
    const count = this.#pick([1, 1, 1, 2, 3, 5])
    return this.#many(count, () => {
      const event = { stream: this.#stream(), bytes: this.#pick([5, 40, 300, 1_200]) }
      if (!this.#withBlobs || this.#prng.chance(0.75)) return event
      return { ...event, blob: this.#prng.chance(0.1) ? -1 : this.#prng.below(blobBytes.length) }
    })
  }

  #conditions(): Partial<AppendSpec> {
    const expect = { stream: this.#stream(), seq: this.#pick(['right', 'right', 'stale', 'none'] as const) }
    const fence = { lease: this.#prng.below(2), token: this.#pick(['newest', 'newest', 'stale'] as const) }
    return { ...(this.#prng.chance(0.25) ? { expect } : {}), ...(this.#prng.chance(0.06) ? { fence } : {}) }
  }

  #changes(retains: boolean): Partial<AppendSpec> {
    const agenda = this.#many(1 + this.#prng.below(2), () => ({
      id: this.#prng.below(4),
      due: this.#prng.chance(0.3) ? null : this.#prng.below(10_000),
    }))
    const through = this.#prng.chance(0.5) ? {} : { through: this.#prng.below(12) }
    return {
      ...(this.#prng.chance(0.2) ? { agenda } : {}),
      ...(this.#prng.chance(0.1) ? { lease: this.#lease() } : {}),
      ...(!retains && this.#withPins && this.#prng.chance(0.1) ? { pin: this.#pin() } : {}),
      ...(!retains && this.#prng.chance(0.1) ? { release: { stream: this.#stream(), ...through } } : {}),
    }
  }

  #pin(): NonNullable<AppendSpec['pin']> {
    return {
      pin: this.#prng.below(3),
      ...(this.#prng.chance(0.7) ? { stream: this.#stream() } : {}),
      from: this.#prng.chance(0.4) ? null : 1 + this.#prng.below(30),
      ...(this.#prng.chance(0.3) ? { ttlMs: this.#pick([1, 60_000, 40_000_000_000]) } : {}),
    }
  }

  #lease(): LeaseSpec {
    const lease = this.#prng.below(2)
    if (this.#prng.chance(0.5)) return { lease, change: 'acquire', owner: this.#prng.below(2) }
    return { lease, change: this.#pick(['renew', 'release'] as const), token: this.#pick(['newest', 'stale'] as const) }
  }

  #retention(): RetainSpec {
    const by = this.#pick(['stream', 'stream', 'age', 'release'] as const)
    if (by === 'release') return { by }
    if (by === 'age') return { by, hundredth: this.#prng.below(101) }
    return { by, stream: this.#stream(), before: this.#prng.chance(0.4) ? 'all' : 1 + this.#prng.below(30) }
  }

  #stream(): number {
    return this.#prng.below(streamNames.length)
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#prng.below(choices.length)] as T // below the length
  }

  #many<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make)
  }
}
