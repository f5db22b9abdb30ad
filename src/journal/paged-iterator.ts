// One item at a time from a source of pages. Written by hand: a nested async generator costs several promises and turns
// per event, this costs one promise that is already resolved while the page lasts.
//
// Invariant: calls of next() are answered in order, also when a caller doesn't await them one by one.

export interface PagedIteratorOptions {
  /** Stops handing out what is buffered; the source then says how it ends. */
  readonly isStopped?: () => boolean
  /** Runs when the consumer leaves, also while a page is awaited. */
  readonly onReturn?: () => void
}

export class PagedIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #pages: AsyncIterator<readonly T[], unknown>
  readonly #isStopped: (() => boolean) | undefined
  readonly #onReturn: (() => void) | undefined
  #page: readonly T[] = []
  #index = 0
  #isDone = false
  #lastTurn: Promise<unknown> | undefined

  constructor(pages: AsyncIterator<readonly T[], unknown>, options: PagedIteratorOptions = {}) {
    this.#pages = pages
    this.#isStopped = options.isStopped
    this.#onReturn = options.onReturn
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#lastTurn === undefined && this.#index < this.#page.length && this.#isStopped?.() !== true) {
      return Promise.resolve({ done: false, value: this.#page[this.#index++] as T })
    }
    const before = this.#lastTurn
    const turn = before === undefined ? this.#pull() : before.then(() => this.#pull())
    // What failed was told to its own caller; the next one goes on behind it.
    const settled: Promise<unknown> = turn.then(
      () => this.#settle(settled),
      () => this.#settle(settled),
    )
    this.#lastTurn = settled
    return turn
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#isDone = true
    this.#page = []
    this.#onReturn?.()
    await this.#pages.return?.()
    return { done: true, value: undefined }
  }

  async #pull(): Promise<IteratorResult<T, undefined>> {
    while (!this.#isDone) {
      if (this.#index < this.#page.length && this.#isStopped?.() !== true) {
        return { done: false, value: this.#page[this.#index++] as T }
      }
      this.#page = []
      this.#index = 0
      const result = await this.#nextPage()
      if (result.done === true) this.#isDone = true
      else if (!this.#isDone) this.#page = result.value
    }
    return { done: true, value: undefined }
  }

  async #nextPage(): Promise<IteratorResult<readonly T[], unknown>> {
    try {
      return await this.#pages.next()
    } catch (error) {
      this.#isDone = true
      throw error
    }
  }

  #settle(turn: Promise<unknown>): void {
    if (this.#lastTurn === turn) this.#lastTurn = undefined
  }
}
