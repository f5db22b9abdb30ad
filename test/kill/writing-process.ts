// A child that writes, as its parent sees it: what it has said so far, and ways to wait for what it says next.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { EventPlace, Receipt } from '../../src/stores/store.ts'
import type { History, Submission } from '../../src/testing/history.ts'
import { batchOf } from './workload.mjs'

const script = fileURLToPath(new URL('writer.mjs', import.meta.url))

export class WritingProcess {
  readonly number: number
  readonly errors: string[] = []
  /** Places by number of the append. */
  readonly acknowledged: Map<number, readonly (readonly [seq: number, position: number])[]> = new Map()
  isOpen = false
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #rest = ''
  #waiting: (() => void)[] = []
  #hasEnded = false

  constructor(
    directory: string,
    options: { readonly number: number; readonly callers: number; readonly appends?: number },
  ) {
    this.number = options.number
    const args = [script, directory, String(options.number), String(options.callers), String(options.appends ?? 0)]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout?.setEncoding('latin1').on('data', (text: string) => this.#take(text))
    this.#ended = new Promise((resolve) => {
      // Not before all that it had said was read.
      this.#child.on('close', () => {
        this.#hasEnded = true
        this.#wake()
        resolve()
      })
    })
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const [kind, n, places] = line.split(' ')
      if (kind === 'open') this.isOpen = true
      else if (kind === 'error') this.errors.push(n ?? '')
      else if (kind === 'ack') this.acknowledged.set(Number(n), parsePlaces(places ?? ''))
    }
    this.#wake()
  }

  #wake(): void {
    for (const waiting of this.#waiting.splice(0)) waiting()
  }

  /** Resolves when the condition holds, or when the process has ended. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#hasEnded) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }

  ended(): Promise<void> {
    return this.#ended
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
