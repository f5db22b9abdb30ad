// What callers were told, held against what is there: each append carries a name of its own, so nothing that was
// acknowledged may be missing or stand elsewhere, and nothing may stand there twice.

import type { Batch, Receipt, Store } from '../../src/stores/store.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'

export interface Balance {
  readonly acknowledged: number
  /** Of those. */
  readonly found: number
  readonly lost: readonly string[]
  readonly duplicated: readonly string[]
  /** There without an acknowledgement: their callers heard nothing, or a failure that left it open. */
  readonly unacknowledged: number
}

export class Ledger {
  readonly #acknowledged: Map<string, number> = new Map()
  /** Told that nothing of it is stored. */
  readonly #refused: Set<string> = new Set()

  get size(): number {
    return this.#acknowledged.size
  }

  acknowledge(name: string, position: number): void {
    this.#acknowledged.set(name, position)
  }

  refuse(name: string): void {
    this.#refused.add(name)
  }

  async balance(store: Store): Promise<Balance> {
    const places = new Map<string, number[]>()
    for (const { data, position } of await readEvents(store, { select: { kind: 'all' }, direction: 'forward' })) {
      const { name } = data as { readonly name: string }
      places.set(name, [...(places.get(name) ?? []), position])
    }
    const lost = [...this.#acknowledged].filter(([name, position]) => places.get(name)?.[0] !== position)
    const duplicated = [...places].filter(([name, found]) => found.length > 1 || this.#refused.has(name))
    return {
      acknowledged: this.#acknowledged.size,
      found: this.#acknowledged.size - lost.length,
      lost: lost.map(([name]) => name),
      duplicated: duplicated.map(([name]) => name),
      unacknowledged: [...places.keys()].filter((name) => !this.#acknowledged.has(name)).length,
    }
  }
}

export function told({ acknowledged, found, lost, duplicated }: Balance): string {
  return `acknowledged ${acknowledged}, found ${found}, lost ${lost.length}, duplicated ${duplicated.length}`
}

/** One event under a command id, both called `name`. */
export function named(name: string, stream = `s${name.length % 7}`): Batch {
  return {
    events: [{ stream, type: 'noted', version: 1, data: JSON.stringify({ name }) }],
    command: { id: name, digest: '0'.repeat(64) },
    durability: 'sync',
  }
}

/** Callers that append one after another until told to stop. What is left open by a failure is sent again under the same
 * name, after `repair`, as a careful caller would. */
export class Load {
  readonly #store: Store
  readonly #ledger: Ledger
  #stopped = false
  readonly #callers: Promise<void>[] = []
  readonly errors: Map<string, number> = new Map()

  constructor(store: Store, ledger: Ledger, options: { readonly callers: number; readonly name: string }) {
    this.#store = store
    this.#ledger = ledger
    for (let caller = 0; caller < options.callers; caller++) this.#callers.push(this.#call(`${options.name}/${caller}`))
  }

  /** So many more have been acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.#ledger.size + count
    while (this.#ledger.size < wanted && !this.#stopped) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** What callers have begun is told to them first. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#callers)
  }

  async #call(name: string): Promise<void> {
    for (let n = 0; !this.#stopped; n++) await this.#untilTold(`${name}/${n}`)
  }

  async #untilTold(name: string): Promise<void> {
    for (;;) {
      try {
        const receipt: Receipt = await this.#store.append(named(name))
        return this.#ledger.acknowledge(name, receipt.position)
      } catch (error) {
        const code = (error as { readonly code?: string }).code ?? String(error)
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
        if (code === 'INDETERMINATE' || code === 'LATCHED') await this.#store.reopen().catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
}
