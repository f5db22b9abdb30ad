// The port of copying, beside the store port: what each kind of store adds so that journals can be copied to and from it
// (transfer/copy.ts is the one who asks).
//
// A source is an open Store: dump(), relocation() and relocate() are all that is asked of it. A target is a CopyTarget:
// what stands under a name, and an intake that takes the records of a dump. Until finish() the target is no journal:
// open() refuses it with COPY_UNFINISHED (core/moved.ts), reading included; a crash at any point leaves it so.

import type { Position, TimeMs } from '../core/numbers.ts'
import type { Ancestor, ImportRecord, Relocation, Store } from './store.ts'

/** Of a copy that was begun: what the target keeps, durably, from its beginning to its end. */
export interface CopyNote {
  /** 32 hexadecimal digits. A finished target keeps it for ever, so that whoever repeats the command finds that it was
   * done; the source's Relocation has the same one. */
  readonly id: string
  /** Where it comes from, for people, without secrets. */
  readonly from: string
  readonly journal: string
  /** Epoch of the source. */
  readonly source: string
  /** Epoch of the target: the source's own, or for a fork a new one. */
  readonly epoch: string
  readonly begun: TimeMs
}

/** What stands under a target's name. */
export type CopyPlace =
  /** Nothing, or an empty place. */
  | { readonly kind: 'free' }
  | { readonly kind: 'unfinished'; readonly note: CopyNote }
  /** A journal; `copy` is the id of the copy that made it, if one did. */
  | { readonly kind: 'journal'; readonly copy: string | undefined }

export interface CopyTarget {
  /** As a person would name it, without secrets. */
  readonly name: string
  /** What it tells of a journal or a copy is durable, whoever made it and was killed over it. Throws TARGET_NOT_EMPTY or NOT_A_JOURNAL where something else stands, and what opening throws. */
  look(): Promise<CopyPlace>
  /** Begins a copy where the place is free: the note is durable when it resolves. Goes on with an unfinished one of the
   * same id. Holds the target against every other copy until close() or the end of the process: LOCKED. What changed
   * since look() throws TARGET_NOT_EMPTY. */
  begin(note: CopyNote): Promise<CopyIntake>
  /** Removes an unfinished copy; the place is free afterwards. A crash within leaves it unfinished. LOCKED while another
   * process is at it. */
  discard(): Promise<void>
}

export interface CopyIntake {
  /** Position of the last event that is there from earlier loads; 0 when there is none. What is kept over a crash ends
   * with a whole batch, or with a blob: make durable only up to there. Nothing of the state is kept, nor removed ranges
   * behind that event: they are given again. */
  readonly position: Position
  hasBlob(digest: string): Promise<boolean>
  /**
   * Takes records in the order of a dump: those of blobs that it doesn't have, and of events and removed ranges behind
   * `position`, all with their numbers, times, texts and sums as they are; then, in the last load alone, the state (all
   * other controls). Throws IMPORT_INVALID with `index` in its details, DISK_FULL, IO, and what `pages` throws; what was
   * taken by then may stay.
   */
  load(pages: AsyncIterable<readonly ImportRecord[]>): Promise<void>
  /** What was loaded, read back from where it lies and checked, as Store.dump() gives it. After the last load. */
  dump(): AsyncIterable<readonly ImportRecord[]>
  /** Forgets what was loaded; position is 0 again. */
  clear(): Promise<void>
  /** The target becomes a journal, durably and in one step, with the journal id and epoch of the note, these ancestors
   * and the note's id. After a throw it may be one or not; look() says. */
  finish(ancestors: readonly Ancestor[]): Promise<void>
  /** Lets go. What is unfinished stays, for the next run. */
  close(): Promise<void>
}

/** A journal that is to be copied, opened for that. */
export interface CopySource {
  readonly name: string
  readonly store: Store
  /** Where this process alone can write (a directory under its lock): refuses changes from here on, without a mark, so that
   * a crash lets go of it by itself. Such a journal is marked only when its copy is whole and verified. */
  readonly hold?: (relocation: Relocation) => Promise<void>
  close(): Promise<void>
}

/** One kind of store, as copying needs it. */
export interface CopyKind {
  readonly name: string
  /** Equal for two ways to name the same place: a path without links, say, or what else tells places apart. */
  readonly key: unknown
  /** For a move: opened for writing, also when it is marked as moving or moved; where a store has one writer at a time,
   * held. For a fork: opened for reading. Throws what opening throws. */
  source(options: { readonly fork: boolean }): Promise<CopySource>
  target(): CopyTarget
}
