// All that was asked of the journal and answered, over all processes of a run, and whether that can be. Appends are noted
// where they reach the store, so those that the owner takes out of the inbox are in it, too.

import { HoldfastError } from '../../src/errors.ts'
import { FileStore } from '../../src/stores/file/file-store.ts'
import type { Batch, EventPlace, Receipt } from '../../src/stores/store.ts'
import { History } from '../../src/testing/history.ts'
import { isEmpty } from '../../src/testing/history-model.ts'
import { Sighting, type SightingOptions } from './sighting.ts'
import { Violation } from './violation.ts'

/** A digest that no content has. */
export const nobodysBlob: string = '0123456789abcdef'.repeat(4)

export class Ledger {
  readonly history: History = new History()
  readonly heads: Map<string, number> = new Map()
  readonly tokens: Map<string, number> = new Map()
  /** Command ids that must be known from now on. */
  readonly #commands: Map<string, { readonly digest: string; readonly events: readonly EventPlace[] }> = new Map()
  readonly #sightings: Set<Sighting> = new Set()
  /** Who must not write any more. */
  readonly #superseded: WeakSet<FileStore> = new WeakSet()
  #violation: Violation | undefined
  appends = 0
  acknowledged = 0

  /** The first thing that was found wrong. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  fail(violation: Violation): void {
    this.#violation ??= violation
  }

  supersede(store: FileStore): void {
    this.#superseded.add(store)
  }

  isSuperseded(store: FileStore): boolean {
    return this.#superseded.has(store)
  }

  sighting(options: SightingOptions): Sighting {
    const sighting = new Sighting(options)
    this.#sightings.add(sighting)
    return sighting
  }

  /** Sees all appends to file stores until it is called off. */
  observe(): () => void {
    const { append } = FileStore.prototype
    const noted = (store: FileStore, batch: Batch): Promise<Receipt> => this.#append(batch, store, append)
    FileStore.prototype.append = function (batch: Batch): Promise<Receipt> {
      return noted(this, batch)
    }
    return () => {
      FileStore.prototype.append = append
    }
  }

  async #append(batch: Batch, store: FileStore, append: FileStore['append']): Promise<Receipt> {
    this.appends++
    const isHopeless = batch.events.some(({ blobs }) => blobs?.includes(nobodysBlob) === true)
    if (isHopeless || this.#superseded.has(store)) {
      const receipt = await append.call(store, batch)
      // An eventual one is numbered by a superseded process that has not noticed yet: that promises nothing.
      const isPromised = !receipt.duplicate && !isEmpty(batch) && (receipt.durable || isHopeless)
      if (isPromised) this.fail(new Violation('accepted', 'an append was acknowledged that must be refused'))
      return receipt
    }
    const submission = this.history.submit(batch)
    try {
      const receipt = await append.call(store, batch)
      this.history.acknowledge(submission, receipt)
      this.#note(batch, receipt)
      return receipt
    } catch (error) {
      if (error instanceof HoldfastError) this.history.fail(submission, error.code)
      throw error
    }
  }

  #note(batch: Batch, receipt: Receipt): void {
    this.acknowledged++
    for (const { stream, seq } of receipt.events) this.heads.set(stream, Math.max(seq, this.heads.get(stream) ?? 0))
    for (const { lease, token } of receipt.leases) this.tokens.set(lease, Math.max(token, this.tokens.get(lease) ?? 0))
    if (receipt.durable) this.commandDone(batch, receipt)
  }

  /** A command was acknowledged, to whoever sent it. */
  commandDone(batch: Batch, receipt: Receipt): void {
    if (batch.command === undefined || isEmpty(batch)) return
    const { id, digest } = batch.command
    const known = this.#commands.get(id)
    if (known !== undefined && (known.digest !== digest || !isSame(known.events, receipt.events))) {
      this.fail(new Violation('command', `command ${id} was acknowledged twice, and not for the same`))
    }
    this.#commands.set(id, { digest, events: receipt.events })
  }

  /** After a check that has settled the history: what all that was shown and told amounts to. */
  async check(store: FileStore): Promise<void> {
    for (const sighting of this.#sightings) sighting.check(this.history.settled)
    for (const [id, { events }] of this.#commands) {
      const receipt = await store.command(id)
      if (receipt === undefined || !isSame(receipt.events, events)) {
        throw new Violation('command', `command ${id} was acknowledged and is not known as such`)
      }
    }
    for (const { stream, seq } of this.history.settled) this.heads.set(stream, seq)
  }

  /** It is over, and was checked. */
  forget(sighting: Sighting): void {
    this.#sightings.delete(sighting)
  }
}

function isSame(one: readonly EventPlace[], other: readonly EventPlace[]): boolean {
  return one.length === other.length && one.every(({ position }, index) => position === other[index]?.position)
}
