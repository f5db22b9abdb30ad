// Where the tests copy from and to: one row per kind of store. A new kind is a row here, and every pair with it is tested.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CopyEnd } from '../../src/copy.ts'
import type { Clock } from '../../src/host/clock.ts'
import { createJournal } from '../../src/journal.ts'
import { openDirectory } from '../../src/open-directory.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'

export const segmentBytes = 4_096

export interface End {
  /** What copyJournal() is given. */
  readonly at: CopyEnd
  /** Opens what is there, or makes a journal. Whoever opens a journal in memory gets the same one. */
  open(options?: { readonly readOnly?: boolean }): Promise<Store>
  /** Of a store that open() gave. */
  close(store: Store): Promise<void>
  /** Nothing is there any more. */
  wipe(): Promise<void>
}

export interface EndOptions {
  /** A directory of the test. */
  readonly root: string
  readonly name: string
  readonly clock: Clock
  readonly seed: number
}

export interface EndKind {
  readonly name: string
  /** A journal that is closed can be opened again. */
  readonly lasts: boolean
  make(options: EndOptions): End
}

export const endKinds: readonly EndKind[] = [
  {
    name: 'memory',
    lasts: false,
    make({ clock, seed }) {
      const store = memoryStore({ clock, random: seededRandom(seed) })
      return {
        at: createJournal(store, { clock }),
        open: async () => store,
        close: async () => undefined,
        wipe: () => store.close(),
      }
    },
  },
  {
    name: 'file',
    lasts: true,
    make({ root, name, clock, seed }) {
      const path = join(root, name)
      return {
        at: path,
        open: (options) => openDirectory(path, { ...options, clock, segmentBytes, random: seededRandom(seed) }),
        close: (store) => store.close(),
        wipe: () => rm(path, { recursive: true, force: true }),
      }
    },
  },
]

export const endPairs: readonly (readonly [from: string, to: string, pair: readonly [EndKind, EndKind]])[] =
  endKinds.flatMap((from) => endKinds.map((to) => [from.name, to.name, [from, to]] as const))
