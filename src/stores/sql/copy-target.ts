// A database as the target of a copy, written once for all engines: what engines differ in is CopyGround.
//
// The journal's row stands there from the beginning, and says of itself that it is a copy in the making (copy-marks.ts), so
// that no process opens it. History is written in transactions that end behind a whole batch or a blob: what is there after
// a crash is where the next attempt goes on. The state is written in the last transaction, which is read back while it is
// open, and whose commit makes it a journal: before that, none of the state is ever kept.

import { HoldfastError, never } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { CopyIntake, CopyNote, CopyPlace, CopyTarget } from '../copy-port.ts'
import type { CopyGround } from './copy-ground.ts'
import { SqlIntake } from './copy-intake.ts'
import { copyMarksOf, copyMarksText } from './copy-marks.ts'
import { firstHead } from './first-head.ts'
import { toldError } from './retry.ts'
import type { HeadRow } from './rows.ts'

export interface SqlCopyOptions {
  readonly ground: CopyGround
  readonly clock: Clock
  readonly random: Random
}

export function sqlCopyTarget(options: SqlCopyOptions): CopyTarget {
  const { ground } = options
  return {
    name: ground.name,
    look: () => typed(() => look(ground)),
    begin: (note) => typed(() => begin(options, note)),
    discard: () => typed(() => discard(ground)),
  }
}

async function typed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toldError(error)
  }
}

async function look(ground: CopyGround): Promise<CopyPlace> {
  const head = await ground.look()
  if (head === undefined) return { kind: 'free' }
  const { unfinished, origin } = copyMarksOf(head)
  return unfinished === undefined
    ? { kind: 'journal', copy: origin?.copy }
    : { kind: 'unfinished', note: unfinished.note }
}

async function begin({ ground, clock, random }: SqlCopyOptions, note: CopyNote): Promise<CopyIntake> {
  const held = await ground.hold()
  try {
    const place = await look(ground)
    const isMeant = place.kind === 'free' || (place.kind === 'unfinished' && place.note.id === note.id)
    if (!isMeant) throw changed(ground.name)
    const unfinished = { note, holder: random.hex(16) }
    const copying = copyMarksText({ unfinished }) ?? never('it is noted that it is unfinished')
    if (place.kind === 'free') await held.make(headOf(note, copying))
    const backend = await held.open()
    try {
      return await SqlIntake.open({ backend, held, clock, unfinished })
    } catch (error) {
      await backend.close()
      throw error
    }
  } catch (error) {
    await held.release()
    throw error
  }
}

async function discard(ground: CopyGround): Promise<void> {
  const held = await ground.hold()
  try {
    if ((await look(ground)).kind !== 'unfinished') throw changed(ground.name)
    await held.remove()
  } finally {
    await held.release()
  }
}

function headOf({ journal, epoch, begun }: CopyNote, copying: string): HeadRow {
  return firstHead({ journalId: journal, epoch, created: begun, copying })
}

function changed(name: string): HoldfastError {
  return new HoldfastError('TARGET_NOT_EMPTY', `${name} was changed by another process meanwhile`, {
    hint: 'Look what is there now, and call it again.',
  })
}
