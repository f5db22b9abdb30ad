// The paths of the disk port, and the one place that judges them: relative, '/' between parts, '' for the directory
// itself. Invariant: no path that passes here can name anything outside the disk's directory, on any platform.

import { assert, never } from '../errors.ts'

// Backslash and colon separate or name drives on Windows; no file of a journal has them.
const foreign = /[\\:\0]/

/** The names along the path, outermost first; none for ''. */
export function pathParts(path: string): readonly string[] {
  if (path === '') return []
  if (foreign.test(path)) never(`a disk path holds no backslash, colon or NUL: ${JSON.stringify(path)}`)
  const parts = path.split('/')
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..')
      never(`a disk path is relative and plain: ${JSON.stringify(path)}`)
  }
  return parts
}

/** The path of the directory that holds this one; the directory itself has none. */
export function parentPath(path: string): string {
  assert(path !== '', 'the directory of the disk has no parent on it')
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}
