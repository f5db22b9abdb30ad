// Runs with Holdfast, as its users write them: the built package, a journal in a directory, a function with steps. Nothing is
// tuned; `durability` is said only where a history is built that is measured later.

import { open } from '../../dist/index.js'

export const engine = {
  async start(directory, { step, between, isBuilding = false }) {
    const journal = await open(directory, { durability: isBuilding ? 'eventual' : 'sync' })
    return new HoldfastRuns(journal, stepsOf(step, between))
  },
}

function stepsOf(step, between) {
  return async (run, steps) => {
    let sum = 0
    for (let at = 1; at <= steps; at++) {
      sum += await run.step(`step-${at}`, () => step(at))
      if (between !== undefined) await between(at)
    }
    return sum
  }
}

class HoldfastRuns {
  #journal
  #work

  constructor(journal, work) {
    this.#journal = journal
    this.#work = work
  }

  run(id, steps) {
    return this.#journal.run(id, this.#work, { input: steps })
  }

  /** The same call: a run that is there goes on. */
  resume(id, steps) {
    return this.run(id, steps)
  }

  /** Where steps are not each waited for. */
  settle() {
    return this.#journal.flush()
  }

  close() {
    return this.#journal.close()
  }
}
