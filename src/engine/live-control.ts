// Whether a control record of an older segment still says something, so that a rewrite must keep it. A record is a
// result; it is live when the state still is that result. A record that clears something is needed as long as an older
// segment may hold what it cleared.

import type { BlobControl, Control, RemovedControl } from '../core/control.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { type BlobPlace, firstName, type State } from './state.ts'
import { stateKeys } from './state-keys.ts'

export interface LiveQuestion {
  /** Stubs are no question: a rewrite makes them anew. */
  readonly control: Exclude<Control, RemovedControl>
  readonly at: readonly [segment: number, offset: ByteOffset]
  /** No older segment is left. */
  readonly isOldest: boolean
}

export async function isLive(state: State, question: LiveQuestion): Promise<boolean> {
  const { control, isOldest } = question
  switch (control.control) {
    case 'agenda': {
      const now = await state.loadEntry(stateKeys.agenda(control.id))
      return control.due === null ? now === null && !isOldest : isSame(now, control)
    }
    case 'lease': {
      const now = await state.loadEntry(stateKeys.lease(control.lease))
      return control.gone === true ? now === null && !isOldest : isSame(now, control)
    }
    case 'command': {
      await state.loadEntry(stateKeys.command(control.id))
      return isSame(state.command(control.id) ?? null, control)
    }
    case 'forget':
      return control.before === state.scalars.forgetBefore
    case 'pin': {
      const now = await state.loadEntry(stateKeys.pin(control.pin))
      return control.from === null ? now === null && !isOldest : isSame(now, control)
    }
    case 'released':
      return (await state.loadEntry(stateKeys.released(control.stream))) === control.through
    case 'blob':
      return isLiveBlob(state, control, question)
    case 'retain':
      return (
        control.before === state.scalars.cut ||
        (control.streams ?? []).some(([stream]) => state.scalars.truncating.has(stream))
      )
    case 'rewrite':
      return isSame(await state.loadEntry(stateKeys.rewrite(firstName(control.old))), control)
    case 'witness':
      return false
  }
}

async function isLiveBlob(state: State, control: BlobControl, { at, isOldest }: LiveQuestion): Promise<boolean> {
  const now = await state.loadEntry<BlobPlace>(stateKeys.blob(control.digest))
  if (control.gone === true) return now === null && !isOldest
  if (now === null) return false
  return now.at === undefined ? control.chunks !== undefined : now.at[0] === at[0] && now.at[1] === at[1]
}

/** Both were parsed from or written as the same JSON, so the same content has the same text. */
function isSame(a: unknown, b: unknown): boolean {
  return a !== null && JSON.stringify(a) === JSON.stringify(b)
}
