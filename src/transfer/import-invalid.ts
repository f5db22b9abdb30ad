// Where and why an import is refused: the line, counted from 1, the offset of its first byte, the reason.

import { HoldfastError } from '../errors.ts'

export interface ImportPlace {
  readonly line: number
  readonly offset: number
}

export function importInvalid(place: ImportPlace, reason: string, cause?: unknown): HoldfastError {
  const { line, offset } = place
  return new HoldfastError('IMPORT_INVALID', `line ${line} of the import, at byte ${offset}: ${reason}`, {
    hint: 'Nothing was imported. Export the journal again, or import the file that the export wrote, unchanged.',
    details: { line, offset, reason },
    ...(cause === undefined ? {} : { cause }),
  })
}
