// One journal, killed hundreds of times: at every named failpoint (src/testing/failpoints.ts), and at random. KILL_ROUNDS
// sets how often at least, SEED replays what is done and where it is killed, POINT kills at one point only.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { failpoints } from '../../src/testing/failpoints.ts'
import { type Prng, prng } from '../../src/testing/prng.ts'
import { KeptJournal } from './kept-journal.ts'
import type { Doing } from './life-process.ts'

const rounds = Number(process.env.KILL_ROUNDS ?? 300)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const only = process.env.POINT
/** More rounds than asked for, as long as a point was not hit. */
const extraRounds = 60
const root = fileURLToPath(new URL('../..', import.meta.url))
const points = failpoints.map(({ name }) => name).filter((name) => only === undefined || name === only)
/** What a process is doing when it reaches these. */
const doings: readonly (readonly [start: string, does: readonly Doing[]])[] = [
  ['retention:', ['retain']],
  ['backup:', ['backup']],
  ['import:', ['transfer']],
  ['takeover:', ['takeover']],
  ['state table: a merged', ['retain']],
  ['recovery:', ['recover']],
  ['fence:', ['recover']],
  ['creation:', ['recover']],
]

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})

it(`a journal that is killed at every failpoint loses nothing, ${rounds} times (SEED=${seed})`, {
  timeout: 120_000 + rounds * 5_000,
}, async () => {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-failpoints-'))
  const killing = new Killing(new KeptJournal(join(parent, 'of')), prng(seed))
  try {
    await killing.run()
  } finally {
    process.stdout.write(`${killing.report()}\n`)
    if (killing.isDone) await rm(parent, { recursive: true, force: true })
  }
  expect(killing.missed()).toEqual([])
  expect(killing.acknowledged).toBeGreaterThan(0)
})

class Killing {
  readonly #journal: KeptJournal
  readonly #chance: Prng
  /** Kills by point. */
  readonly #kills: Map<string, number> = new Map(points.map((name) => [name, 0]))
  #rounds = 0
  #atRandom = 0
  #closed = 0
  /** Each life, for the message of a failure. */
  readonly #told: string[] = []
  acknowledged = 0
  isDone = false

  constructor(journal: KeptJournal, chance: Prng) {
    this.#journal = journal
    this.#chance = chance
  }

  async run(): Promise<void> {
    for (const name of points.filter(isOfCreation)) await this.#killAt(name)
    // Some points are only reached after others: as many rounds as that takes, within reason.
    while (this.#rounds < rounds || (this.missed().length > 0 && this.#rounds < rounds + extraRounds)) {
      if (this.#chance.chance(0.25)) await this.#killAtRandom()
      else await this.#killAt(this.#leastKilled())
      try {
        await this.#journal.check()
      } catch (error) {
        const before = this.#told.slice(-3).join('; ')
        throw new Error(`SEED=${seed}, in ${this.#journal.directory}, after ${before}: ${String(error)}`, {
          cause: error,
        })
      }
    }
    this.isDone = true
  }

  /** Of those that a journal that exists can reach. */
  #leastKilled(): string {
    const least = Math.min(...points.filter((name) => !isOfCreation(name)).map((name) => this.#kills.get(name) ?? 0))
    const candidates = points.filter((name) => !isOfCreation(name) && this.#kills.get(name) === least)
    return candidates[this.#chance.below(candidates.length)] ?? ''
  }

  async #killAt(name: string): Promise<void> {
    // A recovery has something to do where appends were under way.
    if (name.startsWith('recovery:'))
      await this.#live(this.#chance.chance(0.5) ? 'append: half written' : 'append: durable, not acknowledged')
    await this.#live(name)
  }

  async #live(point: string): Promise<void> {
    this.#rounds++
    const does = doings.find(([start]) => point.startsWith(start))?.[1] ?? this.#anyDoing()
    const isFrequent = /^(append|rotation|blob|index)/.test(point)
    const hit = isFrequent ? 1 + this.#chance.below(3) : 1
    const life = this.#journal.begin({ seed: this.#chance.next(), does, point, hit })
    await life.ended()
    this.#told.push(`${this.#rounds}: ${point} (${hit}) doing ${does.join(' ')}, ended with ${life.end}`)
    expect(life.errors, `${this.#told.at(-1)}, SEED=${seed}`).toEqual([])
    this.acknowledged += life.acknowledged
    if (life.isClosed && life.end === '0') this.#closed++
    else if (life.end === 'SIGKILL') this.#kills.set(point, (this.#kills.get(point) ?? 0) + 1)
    else throw new Error(`the child ended with ${life.end}`)
  }

  async #killAtRandom(): Promise<void> {
    this.#rounds++
    const does = this.#anyDoing()
    const life = this.#journal.begin({ seed: this.#chance.next(), does, appends: 2_000 })
    if (this.#chance.chance(0.8)) await life.until(() => life.isOpen)
    await new Promise((resolve) => setTimeout(resolve, this.#chance.below(250)))
    await life.kill()
    this.#told.push(`${this.#rounds}: at random, doing ${does.join(' ')}`)
    expect(life.errors, `${this.#told.at(-1)}, SEED=${seed}`).toEqual([])
    this.acknowledged += life.acknowledged
    this.#atRandom++
  }

  #anyDoing(): readonly Doing[] {
    const some: readonly (readonly [Doing, number])[] = [
      ['retain', 0.3],
      ['backup', 0.08],
      ['transfer', 0.08],
      ['takeover', 0.05],
      ['rest', 0.3],
    ]
    const chosen = some.filter(([, share]) => this.#chance.chance(share)).map(([name]) => name)
    return chosen.includes('takeover') ? chosen.filter((name) => name !== 'retain') : chosen
  }

  missed(): readonly string[] {
    return points.filter((name) => this.#kills.get(name) === 0)
  }

  report(): string {
    const { settledPosition } = this.#journal.history
    const kills = [...this.#kills.values()].reduce((sum, count) => sum + count, 0)
    const hit = points.length - this.missed().length
    const lost = this.isDone ? '0 lost, 0 duplicates' : 'LOST OR NOT CHECKED'
    return (
      `kill: ${this.#rounds} rounds (${kills} at failpoints, ${this.#atRandom} at random, ${this.#closed} closed), ` +
      `${this.acknowledged} acknowledged appends, ${settledPosition} events, ${lost}, ` +
      `${hit} of ${points.length} failpoints hit, ${this.#journal.copies} copies checked${this.missed()
        .map((name) => `\n  not hit: ${name}`)
        .join('')}`
    )
  }
}

function isOfCreation(name: string): boolean {
  return name.startsWith('creation:') || name.startsWith('fence:')
}
