// The content of one imported blob, gathered from the records behind the one that announces it.

import { contentDigest } from '../core/content-digest.ts'
import type { BlobControl } from '../core/control.ts'
import { importRefused } from './import-record.ts'
import type { ImportRecord } from './store.ts'

export class BlobIntake {
  readonly #control: BlobControl
  readonly #parts: Buffer[] = []
  #bytes = 0

  constructor(control: BlobControl) {
    this.#control = control
  }

  /** The content, when that was its last part. */
  take(record: ImportRecord, index: number): Buffer | undefined {
    const { digest, bytes } = this.#control
    if (record.chunk === undefined) throw importRefused(index, `the content of blob ${digest} is missing`)
    const part = Buffer.from(record.chunk, 'base64')
    this.#parts.push(part)
    this.#bytes += part.length
    if (part.length === 0 || this.#bytes > bytes) {
      throw importRefused(index, `the content of blob ${digest} has another length`)
    }
    if (this.#bytes < bytes) return undefined
    const content = Buffer.concat(this.#parts)
    if (contentDigest(content) !== digest) throw importRefused(index, `the content of blob ${digest} is not its own`)
    return content
  }
}
