// The rounds: a writer is killed, copies are torn and flipped, and after each round the journal is held to all that was
// acknowledged. The first thing that is wrong ends the run, so that its files stay as they were found.

import { cp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isHoldfastError } from '../../errors.ts'
import type { Journal } from '../../journal.ts'
import { open } from '../../open.ts'
import { verify } from '../../upkeep.ts'
import { type Chance, chanceFrom } from './chance.ts'
import { flipBit, tearTail } from './damage.ts'
import { KilledWriter } from './killed-writer.ts'
import { Ledger } from './ledger.ts'
import type { Report } from './report.ts'

/** Small, so that a short run meets many changes from one segment to the next. */
const segmentBytes = 131_072
/** A journal that has grown so far is checked as a whole and makes room for a new one: copies shall stay cheap. */
const journalBytesMax = 4_194_304
const callers = 32
const flipsPerRound = 2

export interface TortureOptions {
  readonly directory: string
  readonly seed: number
  readonly stop: AbortSignal
  readonly tell: (soFar: Report) => void
}

export class Torture {
  readonly #options: TortureOptions
  readonly #chance: Chance
  readonly #began: number = performance.now()
  #journals = 1
  #ledger: Ledger
  #rounds = 0
  #acknowledged = 0
  #eventsBefore = 0
  #tornTails = 0
  #flips = { tried: 0, detected: 0, harmless: 0 }
  readonly #problems: string[] = []

  constructor(options: TortureOptions) {
    this.#options = options
    this.#chance = chanceFrom(options.seed)
    this.#ledger = new Ledger(options.seed)
  }

  get #journalPath(): string {
    return join(this.#options.directory, `journal-${this.#journals}`)
  }

  get #copyPath(): string {
    return join(this.#options.directory, 'copy')
  }

  async run(end: { readonly rounds: number | undefined; readonly untilMs: number | undefined }): Promise<Report> {
    const { rounds = Number.POSITIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = end
    while (!this.#isOver && this.#rounds < rounds && Date.now() < untilMs) {
      await this.#step('the round', () => this.#round())
      this.#options.tell(this.#report())
    }
    if (this.#problems.length === 0 && this.#rounds > 0) await this.#step('the last look', () => this.#checkWhole())
    return this.#report()
  }

  get #isOver(): boolean {
    return this.#options.stop.aborted || this.#problems.length > 0
  }

  /** Whatever goes wrong is a problem: nothing here may fail. */
  async #step(what: string, work: () => Promise<string | undefined>): Promise<void> {
    try {
      const problem = await work()
      if (problem !== undefined) this.#problems.push(problem)
    } catch (error) {
      const code = isHoldfastError(error) ? `${error.code}: ` : ''
      this.#problems.push(`${what} failed: ${code}${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #round(): Promise<string | undefined> {
    const writer = ++this.#rounds
    this.#ledger.begin(writer)
    const problem = await this.#writeAndKill(writer)
    this.#acknowledged += this.#ledger.acknowledgements
    return (
      problem ??
      (await this.#tornCopy()) ??
      (await this.#checkJournal()) ??
      (await this.#flippedCopies()) ??
      (await this.#makeRoom())
    )
  }

  async #writeAndKill(writer: number): Promise<string | undefined> {
    const { seed, stop } = this.#options
    const killed = new KilledWriter(
      { directory: this.#journalPath, seed, writer, callers, segmentBytes },
      { acknowledged: (n, places) => this.#ledger.acknowledge(n, places) },
    )
    // Some die while they open, most while they append. A signal to stop only shortens it.
    const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: stop }).catch(() => undefined)
    if (this.#chance.below(5) === 0) await pause(this.#chance.below(200))
    else {
      await killed.opened()
      await pause(5 + this.#chance.below(250))
    }
    await killed.kill()
    return killed.error === undefined ? undefined : `writer ${writer} ended by itself: ${killed.error}`
  }

  /** What a crash may leave of the end that was not synced: all that was acknowledged must be there nonetheless. */
  async #tornCopy(): Promise<string | undefined> {
    if (!(await isJournal(this.#journalPath))) return undefined
    await this.#copy()
    await tearTail(this.#copyPath, this.#ledger.required, this.#chance)
    const wrong = await withJournal(this.#copyPath, (copy) => this.#ledger.check(copy, { settle: false }))
    if (wrong !== undefined) return `${this.#copyPath}, whose end was torn: ${wrong}`
    this.#tornTails++
    return undefined
  }

  async #checkJournal(): Promise<string | undefined> {
    const wrong = await withJournal(this.#journalPath, (journal) => this.#ledger.check(journal, { settle: true }))
    return wrong === undefined ? undefined : `${this.#journalPath}: ${wrong}`
  }

  async #flippedCopies(): Promise<string | undefined> {
    for (let count = 0; count < flipsPerRound && !this.#isOver; count++) {
      const problem = await this.#flippedCopy()
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Found, refused, or harmless: never a wrong event, never a missing one that nobody tells of. */
  async #flippedCopy(): Promise<string | undefined> {
    await this.#copy()
    const where = await flipBit(this.#copyPath, this.#chance)
    this.#flips.tried++
    const isFound = await finds(this.#copyPath)
    let wrong: string | undefined
    let isRefused = false
    try {
      wrong = await withJournal(this.#copyPath, (copy) => this.#ledger.checkWhole(copy))
    } catch (error) {
      if (!isHoldfastError(error) || error.code === 'ASSERTION') throw error
      isRefused = true
    }
    if (wrong !== undefined) return `${this.#copyPath}, with ${where} flipped: ${wrong}`
    if (isFound || isRefused) this.#flips.detected++
    else this.#flips.harmless++
    return undefined
  }

  async #copy(): Promise<void> {
    await rm(this.#copyPath, { recursive: true, force: true })
    await cp(this.#journalPath, this.#copyPath, { recursive: true })
  }

  async #makeRoom(): Promise<string | undefined> {
    if ((await bytesOf(join(this.#journalPath, 'segments'))) < journalBytesMax) return undefined
    const problem = await this.#checkWhole()
    if (problem !== undefined) return problem
    await rm(this.#journalPath, { recursive: true })
    this.#eventsBefore += this.#ledger.position
    this.#journals++
    this.#ledger = new Ledger(this.#options.seed)
    return undefined
  }

  async #checkWhole(): Promise<string | undefined> {
    const wrong = await withJournal(this.#journalPath, async (journal) => {
      const { ok, findings } = await journal.verify()
      const damage = findings.find(({ severity }) => severity === 'damage')
      if (!ok) return `verify found ${damage?.kind} in ${damage?.file}: ${damage?.message}`
      return this.#ledger.checkWhole(journal)
    })
    return wrong === undefined ? undefined : `${this.#journalPath}: ${wrong}`
  }

  #report(): Report {
    return {
      seed: this.#options.seed,
      seconds: Math.round((performance.now() - this.#began) / 100) / 10,
      rounds: this.#rounds,
      acknowledged: this.#acknowledged,
      events: this.#eventsBefore + this.#ledger.position,
      problems: [...this.#problems],
      tornTails: this.#tornTails,
      flips: { ...this.#flips },
      stopped: this.#options.stop.aborted,
    }
  }
}

async function withJournal<T>(path: string, use: (journal: Journal) => Promise<T>): Promise<T> {
  const journal = await open(path, { segmentBytes })
  try {
    return await use(journal)
  } finally {
    await journal.close()
  }
}

/** Whether verification says anything of it. */
async function finds(path: string): Promise<boolean> {
  try {
    return (await verify(path)).findings.some(({ severity }) => severity !== 'note')
  } catch (error) {
    if (isHoldfastError(error) && error.code !== 'ASSERTION') return true
    throw error
  }
}

async function isJournal(path: string): Promise<boolean> {
  return (await readdir(path).catch((): string[] => [])).includes('journal.json')
}

async function bytesOf(path: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(path)) bytes += (await stat(join(path, name))).size
  return bytes
}
