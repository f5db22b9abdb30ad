// A child that lives through life.mjs, as its parent sees it. What it calls, is told and removes goes into the history as it
// comes through the pipe: what was said before a kill is there, however the process died.

import type { Batch, Receipt } from '../../src/stores/store.ts'
import type { History, Removal, Submission } from '../../src/testing/history.ts'
import { ChildLines, type ChildOptions } from './child-lines.ts'

/** More than appends, and what only some lives do. */
export type Doing = 'retain' | 'backup' | 'transfer' | 'takeover' | 'recover' | 'rest'

export interface LifePlan {
  readonly directory: string
  /** Where copies are made. */
  readonly side: string
  readonly life: number
  readonly seed: number
  readonly segmentBytes: number
  /** Batches beside those of the single parts; from so many callers at once. */
  readonly appends: number
  readonly callers: number
  readonly does: readonly Doing[]
  /** Dies here. */
  readonly point?: string
  readonly hit?: number
}

type Rule =
  | { readonly streams: readonly { readonly stream: string; readonly before: number }[] }
  | { readonly cut: number; readonly kept: string }

export class LifeProcess extends ChildLines {
  readonly #history: History
  readonly #submissions: Map<number, Submission> = new Map()
  readonly errors: string[] = []
  readonly copied: string[] = []
  acknowledged = 0
  isOpen = false
  isClosed = false
  isReopened = false
  #isOver = false
  #removal: Removal | undefined

  constructor(history: History, script: string, plan: object, options?: ChildOptions) {
    super([script, JSON.stringify(plan)], options)
    this.#history = history
    history.nextProcess()
  }

  /** From here on nothing that it is told counts as a promise: the power has gone. */
  cutPower(): void {
    this.#isOver = true
  }

  protected override line(text: string): void {
    const [kind = '', first = ''] = text.split(' ', 2)
    const rest = text.slice(kind.length + 1)
    if (kind === 'call')
      this.#submissions.set(Number(first), this.#history.submit(batchOf(rest.slice(first.length + 1))))
    else if (kind === 'failed') this.#history.fail(this.#submission(first), rest.slice(first.length + 1))
    else if (kind === 'process') this.#history.nextProcess()
    else if (kind === 'open') this.isOpen = true
    else if (kind === 'reopened') this.#reopened()
    else if (kind === 'retain') this.#removal = this.#history.remove(goneBy(JSON.parse(rest) as Rule))
    else if (kind === 'error') this.errors.push(rest)
    else if (!this.#isOver) this.#promise(kind, rest)
  }

  /** Of what was pending, a prefix is there. */
  #reopened(): void {
    this.isReopened = true
    this.#history.nextProcess()
  }

  #promise(kind: string, rest: string): void {
    if (kind === 'ack') this.#acknowledge(rest)
    else if (kind === 'flushed') for (const id of rest.split(' ')) this.#submission(id).fate = 'required'
    else if (kind === 'retained' && this.#removal !== undefined) this.#removal.fate = 'done'
    else if (kind === 'copied') this.copied.push(rest)
    else if (kind === 'closed') this.isClosed = true
  }

  #acknowledge(rest: string): void {
    const id = rest.slice(0, rest.indexOf(' '))
    this.#history.acknowledge(this.#submission(id), JSON.parse(rest.slice(id.length + 1)) as Receipt)
    this.acknowledged++
  }

  #submission(id: string): Submission {
    const submission = this.#submissions.get(Number(id))
    if (submission === undefined) throw new Error(`the child tells of call ${id}, which it has not made`)
    return submission
  }
}

function batchOf(text: string): Batch {
  const { expect, ...batch } = JSON.parse(text) as Omit<Batch, 'expect'> & { readonly expect: [string, number][] }
  return { ...batch, expect: new Map(expect) }
}

function goneBy(
  rule: Rule,
): (place: { readonly stream: string; readonly seq: number; readonly position: number }) => boolean {
  if ('cut' in rule) return ({ position, stream }) => position < rule.cut && stream !== rule.kept
  const bounds = new Map(rule.streams.map(({ stream, before }) => [stream, before]))
  return ({ stream, seq }) => seq < (bounds.get(stream) ?? 0)
}
