// Giving up an unfinished copy: what was made of the target goes, and the source is written to again. Not once the target
// is a journal: somebody may have written to it, and there is no way back but another copy.

import { movedError } from '../core/moved.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { CopyNote, CopyPlace, CopySource, CopyTarget } from '../stores/copy-port.ts'
import type { Relocation, Store } from '../stores/store.ts'

export interface AbandonReport {
  readonly from: string
  readonly to: string
  /** Something unfinished was removed at the target. */
  readonly removed: boolean
  /** The source had been marked as moving, and takes writes again. */
  readonly freed: boolean
}

/** Throws MOVED when the copy was finished, or is one to somewhere else; TARGET_NOT_EMPTY when the target holds what isn't
 * this journal's. */
export async function abandonCopy(source: CopySource, target: CopyTarget): Promise<AbandonReport> {
  const { store } = source
  const marked = await store.relocation()
  const place = await lookAt(target, marked)
  if (marked?.state === 'moved') throw movedError(source.name, marked)
  if (marked !== undefined) mustBeThere(source, target, marked)
  if (place.kind === 'journal') throw finished(target.name, marked !== undefined)
  if (place.kind === 'unfinished') {
    mustBeOwn(source, target, place.note)
    // A source that others can write to takes writes again only while the target is held here. Who goes on with the copy
    // afterwards finds the mark gone and sets it anew, so it is never finished without what was written in between.
    if (marked !== undefined && source.hold === undefined) await freeWhileHeld(store, target, place.note)
    await target.discard()
    if (marked !== undefined && source.hold !== undefined) await store.relocate(undefined)
  } else if (marked !== undefined) await store.relocate(undefined)
  return { from: source.name, to: target.name, removed: place.kind === 'unfinished', freed: marked !== undefined }
}

async function freeWhileHeld(store: Store, target: CopyTarget, note: CopyNote): Promise<void> {
  const intake = await target.begin(note)
  try {
    await store.relocate(undefined)
  } finally {
    await intake.close()
  }
}

/** What isn't of the copy for which the source is marked is none of ours: what was there of that is gone. */
async function lookAt(target: CopyTarget, marked: Relocation | undefined): Promise<CopyPlace> {
  try {
    const place = await target.look()
    const isOther = place.kind === 'journal' && marked !== undefined && place.copy !== marked.copy
    return isOther ? { kind: 'free' } : place
  } catch (error) {
    if (marked === undefined || !isHoldfastError(error, 'TARGET_NOT_EMPTY')) throw error
    return { kind: 'free' }
  }
}

function mustBeThere(source: CopySource, target: CopyTarget, marked: Relocation): void {
  if (marked.to !== target.name) throw movedError(source.name, marked)
}

function mustBeOwn({ store }: CopySource, { name }: CopyTarget, { id, journal, source: epoch, from }: CopyNote): void {
  const identity = store.identity()
  if (journal === identity.journalId && epoch === identity.epoch) return
  throw new HoldfastError('TARGET_NOT_EMPTY', `${name} holds an unfinished copy of another journal, ${from}`, {
    hint: 'Give the journal that it is a copy of.',
    details: { copy: id, from },
  })
}

function finished(name: string, isOfThis: boolean): HoldfastError {
  return isOfThis
    ? new HoldfastError('MOVED', `${name} is finished: the journal is there now`, {
        hint: 'Run holdfast copy again without --abandon: only the mark at the source is missing.',
      })
    : new HoldfastError('TARGET_NOT_EMPTY', `${name} is a journal, not an unfinished copy`, {
        hint: 'There is nothing to abandon.',
      })
}
