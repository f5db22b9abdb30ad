// What the disk cases are made of: a case, and the assertion that work fails with one of these codes, whatever the
// message says.

import { equal, rejects } from 'node:assert/strict'
import type { Disk } from './disk.ts'

export interface DiskCase {
  readonly name: string
  /** Throws when the disk, which comes fresh and empty, does not do what the name says. */
  run(disk: Disk): Promise<void>
}

export function rejectsWith(work: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  return rejects(work, (error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    equal(codes.includes(String(code)), true, `code ${String(code)}, expected ${codes.join(' or ')}: ${String(error)}`)
    return true
  })
}
