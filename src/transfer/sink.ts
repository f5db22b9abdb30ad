// Where an export can be piped: a WritableStream, or any function that takes bytes.

import { HoldfastError } from '../errors.ts'

export type ExportSink = WritableStream<Uint8Array> | ((bytes: Uint8Array) => void | Promise<void>)

export interface ByteWriter {
  write(bytes: Uint8Array): Promise<void>
  /** All was written. */
  end(): Promise<void>
  /** No more comes, because of this. Never throws: the reason is what matters. */
  abort(reason: unknown): Promise<void>
}

export function openSink(sink: ExportSink): ByteWriter {
  if (typeof sink === 'function') {
    return { write: async (bytes) => sink(bytes), end: async () => undefined, abort: async () => undefined }
  }
  if (typeof sink !== 'object' || sink === null || typeof sink.getWriter !== 'function') {
    throw new HoldfastError('INVALID_ARGUMENT', 'an export goes to a path, a WritableStream or a function', {
      hint: 'Turn a Node.js stream into a web stream with Writable.toWeb().',
    })
  }
  const writer = sink.getWriter()
  return {
    async write(bytes) {
      await writer.ready
      await writer.write(bytes)
    },
    end: () => writer.close(),
    abort: (reason) => writer.abort(reason).catch(() => undefined),
  }
}
