// A child that writes, as its parent sees it: what it has said so far, and ways to wait for what it says next.

import { fileURLToPath } from 'node:url'
import type { EventPlace, Receipt } from '../../src/stores/store.ts'
import type { History, Submission } from '../../src/testing/history.ts'
import { ChildLines } from './child-lines.ts'
import { batchOf } from './workload.mjs'

const script = fileURLToPath(new URL('writer.mjs', import.meta.url))

export class WritingProcess extends ChildLines {
  readonly number: number
  readonly errors: string[] = []
  /** Places by number of the append. */
  readonly acknowledged: Map<number, readonly (readonly [seq: number, position: number])[]> = new Map()
  isOpen = false
  #isOver = false

  constructor(
    directory: string,
    options: { readonly number: number; readonly callers: number; readonly appends?: number },
  ) {
    super([script, directory, String(options.number), String(options.callers), String(options.appends ?? 0)])
    this.number = options.number
  }

  /** From here on nothing that it is told counts as a promise: the power has gone. */
  cutPower(): void {
    this.#isOver = true
  }

  protected override line(text: string): void {
    const [kind, n, places] = text.split(' ')
    if (kind === 'open') this.isOpen = true
    else if (kind === 'error') this.errors.push(n ?? '')
    else if (kind === 'ack' && !this.#isOver) this.acknowledged.set(Number(n), parsePlaces(places ?? ''))
  }

  /** Tells the history what was submitted, as far as it can have been, and what was acknowledged. */
  report(history: History, eventsFound: number): void {
    history.nextProcess()
    const last = Math.max(-1, ...this.acknowledged.keys())
    for (let n = 0, events = 0; n <= last || events < eventsFound; n++) {
      const batch = batchOf(this.number, n)
      events += batch.events.length
      const submission = history.submit(batch)
      const places = this.acknowledged.get(n)
      if (places !== undefined) history.acknowledge(submission, receiptOf(submission, places))
    }
  }
}

function parsePlaces(text: string): readonly (readonly [number, number])[] {
  return text.split(',').map((place) => {
    const [seq = 0, position = 0] = place.split(':').map(Number)
    return [seq, position] as const
  })
}

function receiptOf({ batch }: Submission, places: readonly (readonly [number, number])[]): Receipt {
  const events = places.map(
    ([seq, position], index): EventPlace => ({ stream: batch.events[index]?.stream ?? '', seq, position }),
  )
  const { seq = 0, position = 0 } = events.at(-1) ?? {}
  return { position, seq, events, leases: [], duplicate: false, durable: true }
}
