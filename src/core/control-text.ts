// Control records as they stand in an export: the kinds that say something outside of the log they were written in,
// each with its fields in one order, so that the same state gives the same bytes. Pure.

import { assert } from '../errors.ts'
import type { Control } from './control.ts'

export type ExportedKind =
  | 'agenda'
  | 'lease'
  | 'command'
  | 'forget'
  | 'pin'
  | 'released'
  | 'blob'
  | 'removed'
  | 'witness'

/** Fields by kind, in the order in which they are written. */
export const exportedFields: Readonly<Record<ExportedKind, readonly string[]>> = {
  agenda: ['control', 'id', 'due', 'data'],
  lease: ['control', 'lease', 'owner', 'token', 'until', 'held'],
  command: ['control', 'id', 'time', 'digest', 'position', 'events', 'leases'],
  forget: ['control', 'before'],
  pin: ['control', 'pin', 'stream', 'from', 'until'],
  released: ['control', 'stream', 'through'],
  blob: ['control', 'digest', 'bytes', 'data'],
  removed: ['control', 'from', 'to', 'count', 'streams'],
  witness: ['control', 'time'],
}

export function isExportedKind(kind: unknown): kind is ExportedKind {
  return typeof kind === 'string' && Object.hasOwn(exportedFields, kind)
}

export function controlText(control: Control): string {
  const { control: kind } = control
  assert(isExportedKind(kind), `an export holds no ${kind} record`)
  const fields = control as unknown as Readonly<Record<string, unknown>>
  const entries = exportedFields[kind].map((name) => [name, fields[name]])
  // A field that is not there is undefined, which JSON leaves out.
  return JSON.stringify(Object.fromEntries(entries))
}
