// The port to single files outside of a journal: an export is written to one, an import reads one. Paths are the user's,
// as the operating system takes them. Failures come with a code of ours, because a person named the path.

export interface SourceFile {
  readonly bytesTotal: number
  /** To be read once. */
  readonly bytes: AsyncIterable<Uint8Array>
}

export interface Files {
  /** Makes a file whole or not at all, durably. TARGET_NOT_EMPTY when one is there that may not be replaced. */
  writeWhole<T>(
    path: string,
    options: { readonly overwrite: boolean },
    produce: (write: (bytes: Uint8Array) => Promise<void>) => Promise<T>,
  ): Promise<T>
  /** A link is followed; a directory or a device is refused. */
  read(path: string): Promise<SourceFile>
}
