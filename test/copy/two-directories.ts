// Two directories on one simulated disk, a journal in one of them: a power cut meets both at the same moment.

import type { Disk } from '../../src/disks/disk.ts'
import { ensureDirectory } from '../../src/engine/whole-file.ts'
import { isHoldfastError } from '../../src/errors.ts'
import type { Clock } from '../../src/host/clock.ts'
import type { CopySource, CopyTarget } from '../../src/stores/copy-port.ts'
import { fileCopyTarget } from '../../src/stores/file/copy-target.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { type CopyReport, copyStore } from '../../src/transfer/copy.ts'
import { type AbandonReport, abandonCopy } from '../../src/transfer/copy-abandon.ts'
import { subDisk } from '../crash/sub-disk.ts'
import { segmentBytes } from './segment-size.ts'

export interface OpenOptions {
  readonly readOnly?: boolean
  readonly evenMoved?: boolean
  readonly takeover?: boolean
  readonly create?: 'if-missing' | 'never'
}

const process = { pid: 1, host: 'h' }

export class TwoDirectories<D extends { readonly disk: Disk } = { readonly disk: Disk }> {
  readonly simulated: D
  readonly clock: Clock
  readonly #seed: number

  constructor(simulated: D, { clock, seed }: { readonly clock: Clock; readonly seed: number }) {
    this.simulated = simulated
    this.clock = clock
    this.#seed = seed
  }

  async open(folder: 'from' | 'to', { create = 'never', ...options }: OpenOptions = {}): Promise<FileStore> {
    const disk = subDisk(this.simulated.disk, folder)
    return openFileStore({
      disk,
      clock: this.clock,
      random: seededRandom(this.#seed),
      process,
      segmentBytes,
      create,
      ...options,
    })
  }

  /** The code with which opening fails; undefined when it doesn't. */
  async refusal(folder: 'from' | 'to', options: OpenOptions): Promise<string | undefined> {
    try {
      await (await this.open(folder, options)).close()
      return undefined
    } catch (error) {
      if (isHoldfastError(error)) return error.code
      throw error
    }
  }

  target(): CopyTarget {
    const { disk } = this.simulated
    return fileCopyTarget('/to', {
      disk: subDisk(disk, 'to'),
      clock: this.clock,
      process,
      segmentBytes,
      make: async () => {
        await ensureDirectory(disk, 'to')
        await disk.syncDirectory('')
      },
      remove: async () => {
        await disk.removeDirectory('to')
        await disk.syncDirectory('')
      },
    })
  }

  async source(fork = false): Promise<CopySource> {
    const store = await this.open('from', { readOnly: fork, evenMoved: true })
    const close = (): Promise<void> => store.close()
    const source = { name: '/from', store, close }
    return fork ? source : { ...source, hold: (relocation) => store.hold(relocation) }
  }

  async copy(fork = false): Promise<CopyReport> {
    const source = await this.source(fork)
    try {
      return await copyStore(source, this.target(), { fork, clock: this.clock, random: seededRandom(this.#seed + 7) })
    } finally {
      await source.close()
    }
  }

  async abandon(): Promise<AbandonReport> {
    const source = await this.source()
    try {
      return await abandonCopy(source, this.target())
    } finally {
      await source.close()
    }
  }
}
