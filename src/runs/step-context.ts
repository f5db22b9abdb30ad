// What a step's function is called with.

export class StepContext {
  /** The step's name within its run; the same with every attempt and every restart. */
  readonly key: string
  /** 1, 2, 3 … */
  readonly attempt: number
  // Made only for who asks: most functions never do.
  #controller: AbortController | undefined
  #reason: { readonly value: unknown } | undefined

  constructor({ key, attempt }: { readonly key: string; readonly attempt: number }) {
    this.key = key
    this.attempt = attempt
  }

  /** Aborted when the result is no longer wanted: timeout, cancellation, the end of the run. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason.value)
    }
    return this.#controller.signal
  }

  /** For who made it. */
  abort(reason: unknown): void {
    this.#reason ??= { value: reason }
    this.#controller?.abort(reason)
  }
}
