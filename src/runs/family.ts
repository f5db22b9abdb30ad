// How executions of one process know of each other: a run's children, and what a batch of one run writes into the stream of
// another. Between processes it is the journal alone that tells.

import type { ParentRef, RunEvent } from './run-event.ts'

/** A run's function, for those who only pass it on. */
export type ChildCall = (run: never, input: never) => Promise<unknown>

export interface Child {
  readonly id: string
  /** inlineName when it is given as a function. */
  readonly name: string
  readonly call: ChildCall | undefined
}

export interface ChildRef {
  readonly id: string
  readonly name: string
}

export interface Family {
  /** The lease with which this process drives a new child from its first event on; undefined when a worker will take it. */
  leaseFor(child: Child): { readonly acquire: string; readonly ttl: number } | undefined
  /** It is durable. Without a token nobody drives it yet. */
  begun(child: Child, born: { readonly data: unknown; readonly time: number; readonly token: number | undefined }): void
  /** It had begun before, and hasn't ended so far. */
  adopt(child: Child): void
  cancel(child: ChildRef, reason: string): void
  /** A batch has written this into the stream of another run. */
  told(id: string, event: RunEvent): void
}

/** What a run says of its parent, and knows from its own record. */
export interface Lineage {
  /** Of the run itself. */
  readonly name: string
  readonly parent: ParentRef | undefined
  /** How many runs are above it. */
  readonly depth: number
}
