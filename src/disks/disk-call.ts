// One call of the disk port, as the simulated and the faulty disk count, trace and choose them. Left out are close,
// release and watch: they neither change what is stored nor tell the caller anything that it could act on.

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'removeDirectory'
  | 'syncDirectory'
  | 'existsNow'
  | 'lock'

export interface DiskCall {
  readonly op: DiskOperation
  readonly path: string
  /** How much is read or written. */
  readonly bytes?: number
}
