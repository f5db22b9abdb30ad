// Errors that are journaled and thrown again. An Error keeps its name, message, stack, cause and own properties (see the
// payload codec); what can't be stored of it is left out rather than losing the failure itself.
//
// Invariant: what a live step throws is what a replay of it will throw: both were read from the record.

import { type ErrorCode, HoldfastError } from '../errors.ts'

/** An Error with what everybody can store, for one that can't be stored as it is. */
export function storableError(thrown: unknown): Error {
  const source = thrown instanceof Error ? thrown : new Error(describe(thrown))
  const plain = new Error(String(source.message))
  plain.name = String(source.name)
  if (typeof source.stack === 'string') plain.stack = source.stack
  const code: unknown = (source as { readonly code?: unknown }).code
  if (typeof code === 'string' || typeof code === 'number') Object.assign(plain, { code })
  return plain
}

/** What to throw for an error that was read from the record. */
export function thrownOf(recorded: unknown): unknown {
  if (!(recorded instanceof Error) || recorded.name !== 'HoldfastError') return recorded
  const { code, hint, details, cause } = recorded as Error & Record<'code' | 'hint' | 'details' | 'cause', unknown>
  if (typeof code !== 'string') return recorded
  const error = new HoldfastError(code as ErrorCode, recorded.message, {
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(cause === undefined ? {} : { cause }),
    ...(typeof details === 'object' && details !== null ? { details: details as Record<string, unknown> } : {}),
  })
  if (recorded.stack !== undefined) error.stack = recorded.stack
  return error
}

function describe(thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : `a thrown ${typeof thrown}: ${String(thrown)}`
  } catch {
    // Its own toString threw: there is nothing to say of it.
    return `a thrown ${typeof thrown}`
  }
}
