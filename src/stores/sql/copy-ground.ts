// What an engine adds so that journals can be copied to it: what stands in a place, and who is at it.

import type { SqlBackend } from './backend.ts'
import type { HeadRow } from './rows.ts'

/** The place in an engine. */
export interface CopyGround {
  /** As a person would name it, without secrets. */
  readonly name: string
  /** The row of the journal that stands there; undefined where nothing does. Throws what opening throws. */
  look(): Promise<HeadRow | undefined>
  /** Keeps every other copy out until release(), or the end of this process; LOCKED. */
  hold(): Promise<HeldGround>
}

export interface HeldGround {
  /** Makes the journal, durably, with this row; TARGET_NOT_EMPTY where there is one. */
  make(head: HeadRow): Promise<void>
  /** For writing, whatever its row says. */
  open(): Promise<SqlBackend>
  /** Nothing of the journal is left. */
  remove(): Promise<void>
  release(): Promise<void>
}
