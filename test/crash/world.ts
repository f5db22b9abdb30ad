// One journal on a simulated disk, with everything that it was asked and has answered: the stage on which a scenario plays,
// and on which it can be ended by a crash in any of its disk operations.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { digestBatch } from '../../src/core/digest.ts'
import type { Disk } from '../../src/disks/disk.ts'
import { type CrashOptions, SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import { sendCommand } from '../../src/engine/inbox-sender.ts'
import { listNames } from '../../src/engine/whole-file.ts'
import { HoldfastError } from '../../src/errors.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { type FileOpenOptions, openFileStore } from '../../src/stores/file/open-file-store.ts'
import type { Batch, Receipt } from '../../src/stores/store.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { History } from '../../src/testing/history.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { checkBlobs } from './check-blobs.ts'
import { directoriesOn, subDisk } from './sub-disk.ts'

/** Where copies of the journal are put. */
const copies = 'copies'

export interface WorldOptions {
  /** Over all processes of this world: the operation in which the first power cut comes. */
  readonly crashAt?: number
  readonly seed?: number
  /** Where the names come from that the journal draws by chance: from the seed unless it is told. */
  readonly names?: number
  readonly segmentBytes?: number
}

export class World {
  readonly clock: FakeClock
  readonly history: History
  readonly #options: WorldOptions
  #simulated: SimulatedDisk
  /** By processes that have ended. */
  #operationsBefore = 0
  /** Once an opening has resolved, the journal is there for good. */
  journalId: string | undefined
  #events = 0
  /** What stands between the store and the disk, if anything (faults). */
  wrap: (disk: Disk) => Disk = (disk) => disk

  constructor(
    options: WorldOptions,
    from?: {
      readonly disk: SimulatedDisk
      readonly history: History
      readonly journalId: string | undefined
      readonly now: number
    },
  ) {
    this.#options = options
    this.clock = fakeClock(from?.now)
    this.history = from?.history ?? new History()
    this.journalId = from?.journalId
    this.#simulated = from?.disk ?? new SimulatedDisk(this.#diskOptions())
    // Above all that were made before: no scenario submits a hundred events per append.
    this.#events = this.history.submissions * 100
  }

  #diskOptions(): { readonly crashAt?: number; readonly seed?: number } {
    const { crashAt, seed = 0 } = this.#options
    return crashAt === undefined ? { seed } : { seed, crashAt: crashAt - this.#operationsBefore }
  }

  get simulated(): SimulatedDisk {
    return this.#simulated
  }

  get operations(): number {
    return this.#operationsBefore + this.#simulated.operations
  }

  async open(options: Partial<FileOpenOptions> = {}): Promise<FileStore> {
    const { segmentBytes = 4096, seed = 0, names = seed } = this.#options
    const store = await openFileStore({
      disk: this.wrap(this.#simulated.disk),
      clock: this.clock,
      random: seededRandom(names + 1),
      process: { pid: 1, host: 'simulated' },
      segmentBytes,
      directories: directoriesOn(this.#simulated.disk, copies),
      ...options,
    })
    if (options.readOnly !== true) this.history.nextProcess()
    const { journalId } = store.identity()
    if (this.journalId !== undefined && this.journalId !== journalId) {
      throw new Error(`journal ${this.journalId} has become journal ${journalId}`)
    }
    this.journalId = journalId
    return store
  }

  /** A planned crash within the scenario: the next process begins. */
  crash(options: Omit<CrashOptions, 'crashAt'>): void {
    this.#operationsBefore += this.#simulated.operations
    const { crashAt } = this.#options
    const later = crashAt === undefined ? {} : { crashAt: crashAt - this.#operationsBefore }
    this.#simulated = this.#simulated.crash({ ...options, ...later })
  }

  /** Events are never alike, so that each can be told from all others. */
  event(stream: string, bytes: number = 40): Batch['events'][number] {
    const text = JSON.stringify({ n: ++this.#events, pad: 'x'.repeat(bytes) })
    return { stream, type: 'noted', version: 1, data: text }
  }

  append(store: FileStore, batch: Partial<Batch>): Promise<Receipt | HoldfastError> {
    return this.history.append(store, { events: [], durability: 'sync', ...batch })
  }

  /** An event that names blobs with these contents; they are staged before. */
  async blobEvent(store: FileStore, stream: string, contents: readonly Uint8Array[]): Promise<Batch['events'][number]> {
    const blobs: string[] = []
    for (const content of contents) blobs.push((await store.stageBlob(content)).digest)
    return { ...this.event(`blobs/${stream}`), blobs: [...new Set(blobs)] }
  }

  /** Appends at the same time, each one event. */
  async appendAll(store: FileStore, streams: readonly string[], bytes?: number): Promise<void> {
    await Promise.all(streams.map((stream) => this.append(store, { events: [this.event(stream, bytes)] })))
  }

  /** As another process hands it to the one that has the journal open: through the inbox. */
  async submit(id: string, batch: Partial<Omit<Batch, 'command'>>): Promise<void> {
    const whole = { events: [], durability: 'sync' as const, ...batch }
    const command = { id, digest: digestBatch(whole) }
    const { disk } = this.#simulated
    const random = seededRandom(this.history.submissions)
    // It waits durably on its own: whether it takes effect does not hang on what the owner did before.
    this.history.nextProcess()
    const sending = this.history.append(
      { append: (sent) => sendCommand(disk, this.clock, { ...sent, command }, { timeoutMs: 1_000, random }) },
      { ...whole, command },
    )
    await this.#drive(sending)
    this.history.nextProcess()
    if (this.#simulated.dead) return
    // It stays queued, and may take effect behind whatever would come now: nothing may.
    const told = await sending
    if (told instanceof HoldfastError && told.code === 'OWNER_SILENT') throw told
  }

  /** Lets time pass until the work is done, or nobody lives any more who could do it. */
  async #drive(work: Promise<unknown>): Promise<void> {
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    work.then(done, done)
    for (let turn = 1; !isDone && !this.#simulated.dead; turn++) {
      await nextTurn()
      if (turn % 20 === 0) this.clock.advance(10)
    }
    if (isDone) await work
  }

  /** Long enough for the writer to rest. */
  async rest(store: FileStore): Promise<void> {
    this.clock.advance(50)
    await store.flush()
  }

  /** After an append that failed for the disk's sake: nothing more is acknowledged (G6). */
  async mustBeLatched(store: FileStore): Promise<void> {
    const later = await this.append(store, { events: [this.event('late')] })
    if (later instanceof Error && later.code === 'LATCHED') return
    throw new Error(`a failed writer answered ${later instanceof Error ? later.code : 'with an acknowledgement'}`)
  }

  /** A reader shows a part of what the writer shows, from the beginning. */
  async checkReader(reader: FileStore, writer: FileStore): Promise<void> {
    const query = { select: { kind: 'all' }, direction: 'forward' } as const
    const [shown, there] = [await readEvents(reader, query), await readEvents(writer, query)]
    const isWrong = shown.some(
      (event, index) => event.sum !== there[index]?.sum || event.position !== there[index].position,
    )
    if (isWrong || reader.head().position > writer.head().position) throw new Error('a reader showed what is not there')
  }

  /** Throws when the journal is not what it must be. */
  async check(store: FileStore): Promise<void> {
    // Where recovery found no room, the journal is open for reading, and shows what is witnessed only.
    if (store.readOnly !== undefined) throw new HoldfastError('READ_ONLY', store.readOnly)
    const finding = await this.history.check(store, { settle: true })
    if (finding !== undefined) throw new Error(`${finding.kind}: ${finding.message}`)
    await checkBlobs(store)
    await this.#checkCopies(store)
  }

  /** A copy that has its name is whole, and shows what the journal showed when it was made. */
  async #checkCopies(store: FileStore): Promise<void> {
    const { disk } = this.#simulated
    for (const name of await listNames(disk, copies)) {
      if (name.endsWith('.part')) continue
      const copy = await openFileStore({
        disk: subDisk(disk, `${copies}/${name}`),
        clock: this.clock,
        random: seededRandom(1),
        process: { pid: 2, host: 'simulated' },
        readOnly: true,
      })
      await this.checkReader(copy, store)
      await checkBlobs(copy)
      if (copy.head().position === 0) throw new Error('a copy has nothing in it')
      await copy.close()
    }
  }
}
