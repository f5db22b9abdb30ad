// Where the runs of a test live: each in a place of its own below one temporary folder, which stays when the test fails.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunPlace } from './killed-run.ts'

export class RunPlaces {
  readonly #parent: string
  #count = 0

  private constructor(parent: string) {
    this.#parent = parent
  }

  static async make(): Promise<RunPlaces> {
    return new RunPlaces(await mkdtemp(join(tmpdir(), 'holdfast-proof-')))
  }

  /** `targetOf`: from the name of a file or directory that is not there. */
  next(more: Omit<RunPlace, 'target' | 'record'>, targetOf: (path: string) => string = (path) => path): RunPlace {
    this.#count += 1
    const path = join(this.#parent, `${this.#count}`)
    return { ...more, target: targetOf(path), record: `${path}.outside` }
  }

  async dispose(): Promise<void> {
    await rm(this.#parent, { recursive: true, force: true })
  }
}

/** Half of the runs end well and are driven by their process, half are undone and driven by a worker. */
export function variationOf(n: number): Pick<RunPlace, 'fails' | 'by'> {
  return n % 2 === 0 ? { fails: false, by: 'run' } : { fails: true, by: 'worker' }
}
