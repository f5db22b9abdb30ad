// Whether what is replayed for a tool is of the same tool: changed code is noticed where it asks for something else under
// the same key.

import { type Divergence, diverged } from './divergence.ts'
import { type RunEvent, runEvents } from './run-event.ts'
import { firstDifference } from './value-diff.ts'

/** Throws RUN_DIVERGED. */
export function checkSameTool(
  { data, seq }: RunEvent,
  id: string,
  key: string,
  input: { readonly value: unknown } | undefined,
): void {
  if (input === undefined || !('input' in data)) return
  const found = firstDifference(data.input, input.value, 'input')
  if (found === undefined) return
  throw other({ id, key, seq }, { path: found.path, recorded: found.left, attempted: found.right })
}

/** The record has another kind of thing under this key. */
export function otherKind({ type, seq }: RunEvent, id: string, key: string): Error {
  return other({ id, key, seq }, { path: 'kind', recorded: type, attempted: runEvents.tool })
}

function other(
  { id, key, seq }: { readonly id: string; readonly key: string; readonly seq: number },
  input: NonNullable<Divergence['input']>,
): Error {
  return diverged({ id, seq, recorded: [key], attempted: [key], input })
}
