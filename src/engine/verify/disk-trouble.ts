// What a disk may answer when a file is looked at. For verification an error is something that was found, not a reason
// to stop: the other files may still be read.

import { errorCodeOf } from '../../disks/disk-error.ts'
import { HoldfastError } from '../../errors.ts'
import type { Findings } from './findings.ts'

export interface Looked<T> {
  readonly value: T | undefined
}

/** Runs `look`; an error of the disk becomes a finding, and there is no value. */
export async function looking<T>(findings: Findings, file: string, look: () => Promise<T>): Promise<Looked<T>> {
  try {
    return { value: await look() }
  } catch (error) {
    tellTrouble(findings, file, error)
    return { value: undefined }
  }
}

/** Rethrows what is neither the disk's nor the file's doing. */
export function tellTrouble(findings: Findings, file: string, error: unknown): void {
  const code = error instanceof HoldfastError ? error.code : errorCodeOf(error)
  if (code === 'NEWER_FORMAT') {
    findings.damage('newer-format', file, `a newer release wrote this file: ${messageOf(error)}`)
  } else if (code === 'ENOENT') {
    findings.damage('file-missing', file, 'the file is not there')
  } else if (code === 'ENOTFILE' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'ELOOP') {
    findings.damage('not-a-file', file, 'a link, a directory or something else stands where a file must be')
  } else if (code !== undefined && !(error instanceof HoldfastError)) {
    findings.damage('io-error', file, `the disk could not read it (${code}): ${messageOf(error)}`)
  } else {
    throw error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
