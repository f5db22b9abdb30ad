// A life of the run in a process of its own (long-run-process.mjs), as its parent sees it.

import { fileURLToPath } from 'node:url'
import { ChildLines } from '../kill/child-lines.ts'
import type { DurableLine } from './outside.mjs'

/** Before or behind the append that has this label (label.mjs). */
export interface Point {
  readonly when: 'before' | 'behind'
  readonly label: string
}

/** One of src/testing/failpoints.ts, reached for the n-th time. */
export interface FailpointHit {
  readonly name: string
  readonly hit: number
}

export interface LifePlan {
  readonly target: string
  /** The file of what happens outside. */
  readonly record: string
  readonly fails: boolean
  readonly by: 'run' | 'worker'
  readonly leaseTtl?: string
  readonly segmentBytes?: number
  readonly point?: Point & { readonly signal: 'SIGKILL' | 'SIGSTOP' }
  readonly failpoint?: FailpointHit
}

export class RunProcess extends ChildLines {
  /** Labels of appends, in the order of the calls. */
  readonly appends: string[] = []
  /** With which codes appends were refused. */
  readonly refused: string[] = []
  readonly errors: string[] = []
  isOpen = false
  /** The run has ended, and the journal is closed. */
  isDone = false
  readonly #durable: (line: DurableLine) => void

  constructor(plan: LifePlan, durable: (line: DurableLine) => void) {
    super([fileURLToPath(new URL('long-run-process.mjs', import.meta.url)), JSON.stringify(plan)])
    this.#durable = durable
  }

  protected override line(text: string): void {
    if (text.startsWith('{')) this.#durable(JSON.parse(text) as DurableLine)
    else if (text.startsWith('appends ')) this.appends.push(text.slice('appends '.length))
    else if (text.startsWith('refused ')) this.refused.push(text.slice('refused '.length))
    else if (text.startsWith('error ')) this.errors.push(text.slice('error '.length))
    else if (text === 'open') this.isOpen = true
    else if (text === 'ended') this.isDone = true
  }
}
