// What is said when a value doesn't match the schema that a run's author gave for it.

import type { SchemaIssue } from '../core/schema.ts'
import { HoldfastError } from '../errors.ts'

export function schemaMismatch(what: string, issues: readonly SchemaIssue[]): HoldfastError {
  const told = issues.map(({ message, path = [] }) => ({ path: path.map(segment).join('.'), message }))
  const listed = told.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return new HoldfastError('SCHEMA_MISMATCH', `${what} doesn't match its schema: ${listed}`, {
    details: { issues: told },
  })
}

function segment(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part)
}
