// Where the tests copy from and to: one row per kind of store. A new kind is a row here, and every pair with it is tested.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { CopyEnd } from '../../src/copy.ts'
import type { Clock } from '../../src/host/clock.ts'
import { createJournal } from '../../src/journal.ts'
import { openDirectory } from '../../src/open-directory.ts'
import { openPostgresStore } from '../../src/open-postgres.ts'
import { openSqlite } from '../../src/open-sqlite.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { PostgresServer, startTimeoutMs } from '../postgres/server.ts'
import { segmentBytes } from './segment-size.ts'

/** One for all tests of a file that has PostgreSQL among its ends. */
let server: PostgresServer
let journals = 0

beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

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
  {
    name: 'SQLite',
    lasts: true,
    make({ root, name, clock, seed }) {
      const path = join(root, `${name}.db`)
      return {
        at: path,
        open: (options) => openSqlite(path, { ...options, clock, random: seededRandom(seed) }),
        close: (store) => store.close(),
        async wipe() {
          for (const end of ['', '-wal', '-shm']) await rm(`${path}${end}`, { force: true })
        },
      }
    },
  },
  {
    name: 'PostgreSQL',
    lasts: true,
    make({ name, clock }) {
      const schema = `ends_${++journals}`
      const url = `${server.url()}?schema=${schema}&journal=${name}`
      return {
        at: url,
        // Each process that has a journal open has an id of its own: a seeded one would come twice.
        open: (options) => openPostgresStore(url, { ...options, clock }),
        close: (store) => store.close(),
        async wipe() {
          await server.query(`drop schema if exists ${schema} cascade`)
        },
      }
    },
  },
]

export const endPairs: readonly (readonly [from: string, to: string, pair: readonly [EndKind, EndKind]])[] =
  endKinds.flatMap((from) => endKinds.map((to) => [from.name, to.name, [from, to]] as const))
