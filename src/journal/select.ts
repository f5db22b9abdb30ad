// What to read: the user's way to say it, made the store's.

import { checkName, checkStreamName } from '../core/names.ts'
import type { Selector } from '../stores/store.ts'
import { invalidArgument } from './argument.ts'

/** One stream by its name, or all streams whose names begin with a prefix. */
export type Select = string | { readonly prefix: string }

export function selectorOf(select: Select | undefined): Selector {
  if (select === undefined) return { kind: 'all' }
  if (typeof select === 'string') {
    checkStreamName(select)
    return { kind: 'stream', stream: select }
  }
  if (typeof select !== 'object' || select === null || typeof select.prefix !== 'string') {
    throw invalidArgument('what to read', "a stream's name or { prefix }")
  }
  return select.prefix === '' ? { kind: 'all' } : { kind: 'prefix', prefix: select.prefix }
}

export function typesOf(types: string | readonly string[] | undefined): ReadonlySet<string> | undefined {
  if (types === undefined) return undefined
  const list = typeof types === 'string' ? [types] : types
  for (const type of list) checkName(type, 'event type')
  return new Set(list)
}
