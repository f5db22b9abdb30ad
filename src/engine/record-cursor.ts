// Goes through the records of an import one by one, whatever pages they come in, and knows which one it is at. Taking
// from a page costs no turn of the event loop.

import { HoldfastError } from '../errors.ts'
import type { ImportRecord } from '../stores/store.ts'

export class RecordCursor {
  readonly #pages: AsyncIterator<readonly ImportRecord[]>
  #page: readonly ImportRecord[] = []
  #at = 0
  #taken = 0

  constructor(pages: AsyncIterable<readonly ImportRecord[]>) {
    this.#pages = pages[Symbol.asyncIterator]()
  }

  /** Of the record that take() gave last. */
  get index(): number {
    return this.#taken - 1
  }

  /** Until take() has something to give; false at the end. */
  async fill(): Promise<boolean> {
    while (this.#at >= this.#page.length) {
      const step = await this.#pages.next()
      if (step.done === true) return false
      this.#page = step.value
      this.#at = 0
    }
    return true
  }

  /** The next record of the page; undefined when fill() is due. */
  take(): ImportRecord | undefined {
    const record = this.#page[this.#at]
    if (record === undefined) return undefined
    this.#at++
    this.#taken++
    return record
  }

  async end(): Promise<void> {
    await this.#pages.return?.()
  }

  /** By default of the record that was taken last. */
  invalid(why: string, index: number = this.index): HoldfastError {
    return new HoldfastError('IMPORT_INVALID', `record ${index} of the import can't be taken: ${why}`, {
      hint: 'Nothing was imported. Export the journal again, or import the file that the export wrote, unchanged.',
      details: { index, reason: why },
    })
  }
}
