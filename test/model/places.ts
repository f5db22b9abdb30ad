// Where the journals of the model tests are: in memory, on a simulated disk that can lose power, in a real directory, in a file of
// SQLite.

import { copyFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../../src/disks/node-disk.ts'
import { SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import { openSqlite } from '../../src/open-sqlite.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'

export interface Place {
  open(): Promise<Store>
  /** The process that has it open ends; undefined where nothing would be left. */
  readonly crash?: (() => void) | undefined
  /** Whether a closed journal can be opened again. */
  readonly lasts: boolean
  leave(): Promise<void>
}

export interface PlaceKind {
  readonly name: string
  /** In hundredths of the runs that memory gets. */
  readonly share: number
  make(clock: FakeClock): Promise<Place>
}

const process = { pid: 1, host: 'model' }
const segmentBytes = 4_096

export const placeKinds: readonly PlaceKind[] = [
  {
    name: 'memory',
    share: 100,
    make: async (clock) => ({
      open: async () => memoryStore({ clock, random: seededRandom(1) }),
      lasts: false,
      leave: async () => undefined,
    }),
  },
  {
    name: 'a file store on a simulated disk',
    share: 100,
    make: async (clock) => {
      let disk = new SimulatedDisk()
      let crashes = 0
      return {
        open: () => openFileStore({ disk: disk.disk, clock, random: seededRandom(1), process, segmentBytes }),
        crash: () => {
          disk = disk.crash({ seed: ++crashes, model: crashes % 3 === 0 ? 'process' : 'adversarial' })
        },
        lasts: true,
        leave: async () => undefined,
      }
    },
  },
  {
    name: 'a file store in a directory',
    share: 10,
    make: async (clock) => {
      const directory = await mkdtemp(join(tmpdir(), 'holdfast-model-'))
      const disk = nodeDisk(directory)
      return {
        open: () => openFileStore({ disk, clock, random: seededRandom(1), process, segmentBytes }),
        lasts: true,
        leave: () => rm(directory, { recursive: true }),
      }
    },
  },
  {
    name: 'a SQLite store',
    share: 25,
    make: async (clock) => {
      const directory = await mkdtemp(join(tmpdir(), 'holdfast-model-'))
      let lives = 0
      let open: Store[] = []
      const file = () => join(directory, `${lives}.db`)
      return {
        open: async () => {
          const store = await openSqlite(file(), { clock, random: seededRandom(1) })
          open.push(store)
          return store
        },
        // What a killed process leaves: the file and its log, without the log's index.
        crash: () => {
          const before = file()
          lives++
          for (const end of ['', '-wal']) copyFileSync(`${before}${end}`, `${file()}${end}`)
        },
        lasts: true,
        leave: async () => {
          for (const store of open) await store.close()
          open = []
          await rm(directory, { recursive: true })
        },
      }
    },
  },
]
