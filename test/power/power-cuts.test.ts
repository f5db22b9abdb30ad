// Real power cuts, as far as a file system can be made to believe in them: an ext4 image on a loop device is shut down while
// a process writes, unmounted, mounted and opened again. POWER_ROUNDS sets how often, SEED replays when.
//
// Only what was told before the cut counts: a sync that is in flight at the very moment may return success.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { type Prng, prng } from '../../src/testing/prng.ts'
import { KeptJournal } from '../kill/kept-journal.ts'
import type { Doing } from '../kill/life-process.ts'
import { type LoopImage, loopImageIn, type PowerCut } from './loop-image.ts'

const rounds = Number(process.env.POWER_ROUNDS ?? 60)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const root = fileURLToPath(new URL('../..', import.meta.url))

const parent = await mkdtemp(join(tmpdir(), 'holdfast-power-'))
const made = loopImageIn(parent)

if (typeof made === 'string') {
  process.stdout.write(`power cuts: skipped: ${made}\n`)
  await rm(parent, { recursive: true, force: true })
}

it.skipIf(typeof made === 'string')(
  `a journal whose power is cut ${rounds} times loses nothing that was acknowledged before (SEED=${seed})`,
  { timeout: 120_000 + rounds * 10_000 },
  async () => {
    const image = made as LoopImage // skipped otherwise
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
    const cutting = new Cutting(image, prng(seed))
    try {
      for (let round = 1; round <= rounds; round++) await cutting.round()
      cutting.isDone = true
    } finally {
      image.abandon()
      process.stdout.write(`${cutting.report()}\n`)
    }
    await rm(parent, { recursive: true, force: true })
    expect(cutting.acknowledged).toBeGreaterThan(0)
  },
)

class Cutting {
  readonly #image: LoopImage
  readonly #chance: Prng
  readonly #journal: KeptJournal
  #rounds = 0
  acknowledged = 0
  isDone = false

  constructor(image: LoopImage, chance: Prng) {
    this.#image = image
    this.#chance = chance
    this.#journal = new KeptJournal(join(image.mountPoint, 'of'))
  }

  async round(): Promise<void> {
    this.#rounds++
    const does: readonly Doing[] = this.#chance.chance(0.4) ? ['retain'] : ['rest']
    const life = this.#journal.begin({ seed: this.#chance.next(), does, appends: 5_000, callers: 32 })
    if (this.#chance.chance(0.85)) await life.until(() => life.isOpen)
    await new Promise((resolve) => setTimeout(resolve, this.#chance.below(200)))
    // What comes through the pipe from here on may have been said without power.
    life.cutPower()
    const mustExist = life.isOpen || this.#journal.history.settledPosition > 0
    this.#image.cut(this.#how())
    await life.kill()
    this.acknowledged += life.acknowledged
    this.#image.unmount()
    this.#image.mount()
    if (!mustExist && !existsSync(this.#journal.directory)) return
    try {
      await this.#journal.check()
    } catch (error) {
      throw new Error(`round ${this.#rounds}, SEED=${seed}: ${String(error)}`, { cause: error })
    }
  }

  #how(): PowerCut {
    const number = this.#chance.below(10)
    return number === 0 ? 'default' : number < 3 ? 'flush' : 'none'
  }

  report(): string {
    const { settledPosition } = this.#journal.history
    return `power cuts: ${this.#rounds} of an ext4 image, ${this.acknowledged} acknowledged appends, ${settledPosition} events, ${this.isDone ? 'none lost' : 'LOST OR NOT CHECKED'}`
  }
}
