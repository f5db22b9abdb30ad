// An ext4 file system in a file, mounted by loop, whose power can be cut: what was not synced before is lost for good.

import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram, run } from './tools.ts'

/** default: all is written first. flush: the file system's journal is. none: nothing is. */
export type PowerCut = 'default' | 'flush' | 'none'

const flags: Readonly<Record<PowerCut, string>> = { default: '0', flush: '1', none: '2' }
const imageBytes = 134_217_728
const request = 0x8004587d

export class LoopImage {
  readonly mountPoint: string
  readonly #image: string
  readonly #cutter: Cutter

  private constructor(parent: string, cutter: Cutter) {
    this.#image = join(parent, 'image')
    this.mountPoint = join(parent, 'mounted')
    this.#cutter = cutter
  }

  /** Made and mounted, below `parent`. Throws with what was tried and what it said. */
  static make(parent: string): LoopImage {
    const image = new LoopImage(parent, cutterIn(parent))
    writeFileSync(image.#image, '')
    truncateSync(image.#image, imageBytes)
    run('mkfs.ext4', ['-q', '-F', image.#image])
    mkdirSync(image.mountPoint)
    image.mount()
    return image
  }

  mount(): void {
    // The file system shall not sync by itself meanwhile.
    run('mount', ['-o', 'loop,commit=1000', this.#image, this.mountPoint])
  }

  /** Nobody may have a file open there. */
  unmount(): void {
    run('umount', [this.mountPoint])
  }

  /** Whatever still has a file open: it is freed when that ends. */
  abandon(): void {
    run('umount', ['-l', this.mountPoint])
  }

  cut(how: PowerCut): void {
    this.#cutter(this.mountPoint, flags[how])
  }
}

/** An image, or why there can be none here. */
export function loopImageIn(parent: string): LoopImage | string {
  if (process.platform !== 'linux') return `${process.platform} has no ext4`
  if (process.getuid?.() !== 0) return 'mounting needs root'
  try {
    return LoopImage.make(parent)
  } catch (error) {
    return (error as Error).message
  }
}

type Cutter = (mountPoint: string, flag: string) => void

function cutterIn(parent: string): Cutter {
  const compiler = findProgram(['cc', 'gcc', 'clang'])
  if (compiler !== undefined) {
    const program = join(parent, 'shutdown')
    run(compiler, ['-o', program, fileURLToPath(new URL('shutdown.c', import.meta.url))])
    return (mountPoint, flag) => {
      run(program, [mountPoint, flag])
    }
  }
  // As Perl has no way to open a directory for an ioctl, this is the other one.
  if (findProgram(['python3']) !== undefined) {
    const script = `import fcntl,os,struct,sys\nfcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),${request},struct.pack('I',int(sys.argv[2])))`
    return (mountPoint, flag) => {
      run('python3', ['-c', script, mountPoint, flag])
    }
  }
  throw new Error('cc, gcc, clang and python3: none of them is there to make the ioctl')
}
