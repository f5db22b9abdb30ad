// Errors as an operating system gives them: what disks that are not one throw, so that callers see no difference.
// The one code of our own is ENOTFILE: something other than a regular file (a link, a directory, a pipe) stands
// where a file was to be opened. Programs decide by `code`, as with every error of a disk.

export interface DiskError extends Error {
  readonly code: string
}

export function diskError(code: string, operation: string, path: string, why?: string): DiskError {
  const message = `${code}: ${operation} '${path}'${why === undefined ? '' : `: ${why}`}`
  // An operating system doesn't tell where it was called from either, and to find that out is dear.
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new Error(message)
  Error.stackTraceLimit = limit
  return Object.assign(error, { code })
}

/** The `code` of whatever was caught, when it has one. */
export function errorCodeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
