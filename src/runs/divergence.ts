// The report of a run whose code has changed under it: what the record says, what the code does, and what can be done.

import { HoldfastError } from '../errors.ts'

export interface Divergence {
  readonly id: string
  /** The event at which it was noticed. */
  readonly seq: number
  /** Keys that the record has and the code didn't ask for. */
  readonly recorded: readonly string[]
  /** Keys that the code asked for and the record doesn't have. */
  readonly attempted: readonly string[]
  /** When a step is the same but its input isn't: where the two first differ. */
  readonly input?: { readonly path: string; readonly recorded: unknown; readonly attempted: unknown }
}

export function diverged(found: Divergence): HoldfastError {
  return new HoldfastError('RUN_DIVERGED', `the code of run ${JSON.stringify(found.id)} ${sentence(found)}`, {
    hint: 'Run it with the code that it began with, or fork it. The run is kept as it is.',
    details: { ...found },
  })
}

function sentence({ recorded, attempted, input, seq }: Divergence): string {
  const at = `where event ${seq} was recorded`
  if (input !== undefined) return `calls ${list(attempted)} with another input at ${input.path}, ${at}`
  if (attempted.length === 0) return `no longer asks for ${list(recorded)}, ${at}`
  if (recorded.length === 0) return `also asks for ${list(attempted)}, ${at}`
  return `asks for ${list(attempted)} instead of ${list(recorded)}, ${at}`
}

function list(keys: readonly string[]): string {
  const shown = keys.slice(0, 5).map((key) => JSON.stringify(key))
  return keys.length > shown.length ? `${shown.join(', ')} and ${keys.length - shown.length} more` : shown.join(', ')
}
