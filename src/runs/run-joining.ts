// Those in this process who wait for what a run gives, as one promise; they keep the process from ending meanwhile.

/** What it gives when it has ended. */
export interface RunYield {
  /** Throws what the run failed with. */
  readonly value: () => unknown
}

export class RunJoining {
  readonly promise: Promise<unknown>
  readonly #letGoOfProcess: () => void
  /** It rejects as well, by what it is given; so that one closure is kept and not two. */
  #resolve: ((outcome: unknown) => void) | undefined

  constructor(letGoOfProcess: () => void) {
    this.#letGoOfProcess = letGoOfProcess
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** A run that was closed while it began comes here twice; only the first time counts. */
  settle(end: Outcome): void {
    const resolve = this.#resolve
    if (resolve === undefined) return
    this.#resolve = undefined
    this.#letGoOfProcess()
    resolve(outcomeOf(end))
  }
}

type Outcome = RunYield | { readonly error: unknown }

async function outcomeOf(end: Outcome): Promise<unknown> {
  if ('error' in end) throw end.error
  return end.value()
}
