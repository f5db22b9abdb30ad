// One directory that lives through many processes, with everything that it ever acknowledged: after each of them, or after
// several, it is opened here and held to that.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDirectory } from '../../src/open-directory.ts'
import { FileStore } from '../../src/stores/file/file-store.ts'
import type { Receipt, Store } from '../../src/stores/store.ts'
import { History } from '../../src/testing/history.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { checkBlobs } from '../crash/check-blobs.ts'
import { type LifePlan, LifeProcess } from './life-process.ts'

const script = fileURLToPath(new URL('life.mjs', import.meta.url))
const segmentBytes = 16_384
/** What a superseded owner wrote last stands behind the sealed end of its segment, and is not part of the journal. */
const expected: ReadonlySet<string> = new Set(['segment-excess'])

export class KeptJournal {
  readonly history: History = new History()
  readonly directory: string
  readonly #side: string
  acknowledged = 0
  #lives = 0
  #checks = 0
  #copies = 0
  /** Since the last check, perhaps. */
  #hasRemoved = false

  /** Both below `parent`, which is the test's. */
  constructor(parent: string) {
    this.directory = join(parent, 'journal')
    this.#side = parent
  }

  get exists(): boolean {
    return existsSync(join(this.directory, 'journal.json'))
  }

  /** Copies that were checked. */
  get copies(): number {
    return this.#copies
  }

  begin(plan: Pick<LifePlan, 'seed' | 'does'> & Partial<LifePlan>): LifeProcess {
    const life = ++this.#lives
    this.#hasRemoved ||= plan.does.includes('retain')
    const whole: LifePlan = {
      directory: this.directory,
      side: this.#side,
      life,
      segmentBytes,
      appends: 50,
      callers: 10,
      ...plan,
    }
    return new LifeProcess(this.history, script, whole)
  }

  /** Throws when anything is not as it must be. */
  async check(): Promise<void> {
    const stop = this.#noteAppends()
    let store: FileStore
    try {
      // What waits in the inbox takes effect now.
      store = await openDirectory(this.directory, { segmentBytes, lockAttempts: 50 })
    } finally {
      stop()
    }
    try {
      await this.#checkOpened(store)
    } finally {
      await store.close()
    }
  }

  async #checkOpened(store: FileStore): Promise<void> {
    // Of what is known, the newest; all of it after removals, and now and then.
    const check = ++this.#checks
    const isWhole = this.#hasRemoved || check % 10 === 0
    const from = isWhole ? 1 : Math.max(1, this.history.settledPosition - 100)
    const finding = await this.history.check(store, { settle: true, from })
    if (finding !== undefined) throw new Error(`${finding.kind}: ${finding.message}`)
    this.#hasRemoved = false
    await checkBlobs(store)
    if (check % 4 === 0) await this.#verify(store)
    for (const name of ['backup', 'import']) await this.#checkCopy(name, store)
  }

  async #verify(store: Store): Promise<void> {
    const report = await store.verify({})
    const wrong = report.findings.filter(({ severity, kind }) => severity !== 'note' && !expected.has(kind))
    if (wrong.length > 0) throw new Error(`verify found ${JSON.stringify(wrong)}`)
  }

  /** Appends of this process go into the history like those of the others. */
  #noteAppends(): () => void {
    const { history } = this
    const { append } = FileStore.prototype
    history.nextProcess()
    FileStore.prototype.append = async function (batch): Promise<Receipt> {
      const submission = history.submit(batch)
      const receipt = await append.call(this, batch)
      history.acknowledge(submission, receipt)
      return receipt
    }
    return () => {
      FileStore.prototype.append = append
    }
  }

  /** A copy is there as a whole or not at all, and what it holds is what the journal held. */
  async #checkCopy(name: string, original: Store): Promise<void> {
    const path = join(this.#side, name)
    if (!existsSync(path)) return
    const copy = await openDirectory(path, { segmentBytes, create: 'never' })
    try {
      const { findings } = await copy.verify({})
      if (findings.some(({ severity }) => severity !== 'note')) throw new Error(`${name}: ${JSON.stringify(findings)}`)
      const sums = new Map((await readAll(original)).map(({ position, sum }) => [position, sum]))
      const found = await readAll(copy)
      const other = found.find(({ position, sum }) => sums.get(position) !== sum)
      if (other !== undefined) throw new Error(`${name}: position ${other.position} is not that of the journal`)
      if (found.length === 0) throw new Error(`${name}: it is empty`)
      this.#copies++
    } finally {
      await copy.close()
    }
    await rm(path, { recursive: true })
  }
}

function readAll(store: Store): Promise<Awaited<ReturnType<typeof readEvents>>> {
  return readEvents(store, { select: { kind: 'all' }, direction: 'forward' })
}
