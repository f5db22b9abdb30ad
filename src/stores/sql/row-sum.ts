// A checksum for rows that are no events: heads, commands, agenda, leases, pins. Databases detect torn pages, not every
// flipped bit; a backend that keeps this beside a row finds damage when it reads the row, instead of acting on it.
// Invariant: the sum depends on each value and its place.

import { bodySum } from '../../core/record.ts'
import { HoldfastError } from '../../errors.ts'

export type SummedValue = string | number | null

export function rowSum(values: readonly SummedValue[]): number {
  return bodySum(JSON.stringify(values))
}

/** What names the row comes first among the values. */
export function mustMatchSum(
  values: readonly SummedValue[],
  sum: unknown,
  place: { readonly file: string; readonly table: string },
): void {
  if (rowSum(values) !== sum) throw rowDamaged(place, `row ${JSON.stringify(values[0])} does not match its checksum`)
}

export function rowDamaged(
  place: { readonly file: string; readonly table: string; readonly position?: number },
  what: string,
): HoldfastError {
  const { file, table } = place
  return new HoldfastError('DAMAGED', `${file} is damaged: in ${table}, ${what}`, {
    hint: 'Run verify() to see what else is. Restore a backup, or what a replica has.',
    details: { ...place, kind: `${table}-damaged`, offset: undefined },
  })
}
