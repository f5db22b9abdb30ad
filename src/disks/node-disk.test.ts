import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DiskFile } from './disk.ts'
import { diskCases } from './disk-conformance.ts'
import { bytesOf, writeText } from './file-content.ts'
import { nodeDisk } from './node-disk.ts'
import { writeFully } from './whole-io.ts'

const posix = process.platform !== 'win32'
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-disk-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

describe('node disk', () => {
  it.each(diskCases)('$name', async ({ run }) => {
    await run(nodeDisk(directory))
  })

  it.skipIf(!posix)('never follows a link to a file, nor into a directory', async () => {
    const disk = nodeDisk(directory)
    await writeText(disk, 'real', 'abc')
    await disk.makeDirectory('d')
    await symlink('real', join(directory, 'link'))
    await symlink('nowhere', join(directory, 'dangling'))
    await symlink('d', join(directory, 'dlink'))
    for (const name of ['link', 'dangling']) {
      await expect(disk.open(name, { mode: 'read' })).rejects.toMatchObject({ code: 'ENOTFILE' })
      await expect(disk.open(name, { mode: 'write', create: 'maybe' })).rejects.toMatchObject({ code: 'ENOTFILE' })
      await expect(disk.open(name, { mode: 'write', create: 'exclusive' })).rejects.toMatchObject({ code: 'EEXIST' })
      expect(disk.existsNow(name)).toBe(true)
    }
    await expect(disk.lock('link')).rejects.toMatchObject({ code: 'ENOTFILE' })
    await expect(disk.list('dlink')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(disk.syncDirectory('dlink')).rejects.toMatchObject({ code: 'ENOTDIR' })
    expect(
      (await disk.list(''))
        .filter((entry) => entry.kind === 'other')
        .map((entry) => entry.name)
        .sort(),
    ).toEqual(['dangling', 'dlink', 'link'])
  })

  it.skipIf(!posix)('does not wait for the other end of a named pipe', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe')])
    const disk = nodeDisk(directory)
    await expect(disk.open('pipe', { mode: 'read' })).rejects.toMatchObject({ code: 'ENOTFILE' })
    await expect(disk.open('pipe', { mode: 'write' })).rejects.toMatchObject({ code: 'ENOTFILE' })
  })

  it.skipIf(!posix)('lets the directory itself be a link', async () => {
    const disk = nodeDisk(directory)
    await disk.makeDirectory('d')
    await symlink('d', join(directory, 'dlink'))
    const linked = nodeDisk(join(directory, 'dlink'))
    await writeText(linked, 'a', 'abc')
    await linked.syncDirectory('')
    expect(await linked.list('')).toEqual([{ name: 'a', kind: 'file' }])
  })

  it.skipIf(!posix)('creates files and directories that others may read and only the owner change', async () => {
    const disk = nodeDisk(directory)
    await writeText(disk, 'a', '')
    await disk.makeDirectory('d')
    const umask = process.umask()
    expect((await stat(join(directory, 'a'))).mode & 0o777).toBe(0o644 & ~umask)
    expect((await stat(join(directory, 'd'))).mode & 0o777).toBe(0o755 & ~umask)
  })

  it.skipIf(process.platform !== 'linux')('opens with O_DSYNC for synced mode, and only then', async () => {
    const disk = nodeDisk(directory)
    const modes = ['write', 'synced'] as const
    for (const mode of modes) {
      const file = await disk.open(mode, { mode, create: 'exclusive' })
      const flags = await flagsOfOpen(join(directory, mode))
      await file.close()
      expect((flags & 0o10000) !== 0).toBe(mode === 'synced')
    }
  })

  it('closes only when what is in flight is done', async () => {
    const file = await nodeDisk(directory).open('a', { mode: 'write', create: 'exclusive' })
    const writes = Promise.all(Array.from({ length: 50 }, (_, index) => file.write(bytesOf('x'), index)))
    await file.close()
    expect((await writes).length).toBe(50)
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('x'.repeat(50))
  })

  it('wakes a watcher of a file', async () => {
    const disk = nodeDisk(directory)
    await writeText(disk, 'a', '')
    const file = await disk.open('a', { mode: 'write' })
    let watch = { close: (): void => undefined }
    const woken = new Promise<void>((resolve) => {
      watch = disk.watch('a', resolve)
    })
    await writeFully(file, bytesOf('x'), 0)
    await woken
    watch.close()
    await file.close()
  })

  it('reads small pieces at once, and after a while in the next turn of the event loop; failures are rejections', async () => {
    await writeFile(join(directory, 'a'), 'abc')
    const file = await nodeDisk(directory).open('a', { mode: 'read' })
    const into = new Uint8Array(2)
    let counts = 0
    let answer = file.read(into, 1)
    for (; typeof answer === 'number'; answer = file.read(into, 1)) counts += answer
    expect([counts % 2, await answer, Buffer.from(into).toString()]).toEqual([0, 2, 'bc'])
    await expect(Promise.resolve(file.read(into, -2))).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    await file.close()
  })

  describe('reading', () => {
    const turn = () => new Promise((resolve) => setImmediate(resolve))

    afterEach(() => {
      vi.restoreAllMocks()
    })

    /** The time that the disk sees: at each look the next of these, then the last one for ever. */
    function timeIs(...times: readonly number[]): void {
      let at = 0
      vi.spyOn(performance, 'now').mockImplementation(() => times[Math.min(at++, times.length - 1)] ?? 0)
    }

    async function opened(content: Uint8Array | string = 'abc'): Promise<DiskFile> {
      await writeFile(join(directory, 'a'), content)
      const file = await nodeDisk(directory).open('a', { mode: 'read' })
      // The tests before may have met a slow disk, or have spent this turn.
      timeIs(0)
      for (let read = file.read(new Uint8Array(1), 0); typeof read !== 'number'; ) {
        await read
        await turn()
        read = file.read(new Uint8Array(1), 0)
      }
      await turn()
      return file
    }

    it('waits for the next turn of the event loop when this one was spent on it, and close() waits for the read', async () => {
      const file = await opened()
      timeIs(0, 0, 2)
      const into = new Uint8Array(2)
      expect(file.read(into, 0)).toBe(2)
      const events: string[] = []
      const later = Promise.resolve(file.read(into, 1)).then((count) => events.push(`read ${count}`))
      const closed = file.close().then(() => events.push('closed'))
      for (let step = 0; step < 20; step++) await Promise.resolve()
      expect(events).toEqual([])
      await Promise.all([later, closed])
      expect(events).toEqual(['read 2', 'closed'])
      expect(Buffer.from(into).toString()).toBe('bc')
    })

    it('is left to another thread for a while when the disk was slow', async () => {
      const file = await opened()
      timeIs(0, 5)
      const into = new Uint8Array(2)
      expect(file.read(into, 0)).toBe(2) // it took 5 ms
      await turn()
      for (let n = 0; n < 4; n++) expect(await expectPromise(file.read(into, 0))).toBe(2)
      await turn()
      expect(file.read(into, 0)).toBe(2)
      await file.close()
    })

    it('by another thread, at a place that there cannot be, is refused and does not hold close() up', async () => {
      const file = await opened()
      timeIs(0, 5)
      const into = new Uint8Array(2)
      expect(file.read(into, 0)).toBe(2) // it took 5 ms
      await expect(expectPromise(file.read(into, -2))).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
      await file.close()
    })

    it('by another thread is waited for by close()', async () => {
      const file = await opened(Buffer.alloc(1_048_576))
      const events: string[] = []
      const reads = Array.from({ length: 12 }, () => file.read(Buffer.alloc(1_048_576), 0))
      const told = reads.map((read) => Promise.resolve(read).then(() => events.push('read')))
      await Promise.all([...told, file.close().then(() => events.push('closed'))])
      expect(events.indexOf('closed')).toBe(12)
    })

    it('of a closed file never gives what another file holds that was opened since', async () => {
      const file = await opened('abc')
      await file.close()
      await writeFile(join(directory, 'b'), 'xyz')
      const other = await nodeDisk(directory).open('b', { mode: 'read' })
      for (const bytes of [2, 100_000]) {
        await expect(expectPromise(file.read(new Uint8Array(bytes), 0))).rejects.toMatchObject({ code: 'EBADF' })
      }
      await other.close()
    })

    it.skipIf(process.platform !== 'linux')('fails where the system says so, on either way', async () => {
      const file = await nodeDisk('/proc/self').open('mem', { mode: 'read' }) // nothing can be read at its beginning
      for (const bytes of [10, 100_000]) {
        await expect(expectPromise(file.read(new Uint8Array(bytes), 0))).rejects.toMatchObject({ code: 'EIO' })
      }
      await file.close()
    })

    function expectPromise(answer: number | Promise<number>): Promise<number> {
      expect(answer).toBeInstanceOf(Promise)
      return answer as Promise<number>
    }
  })

  it('never takes an error for absence', async () => {
    await writeFile(join(directory, 'a'), '')
    expect(() => nodeDisk(directory).existsNow('x'.repeat(5_000))).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    )
  })
})

/** The flags of this process's open descriptor for the file. */
async function flagsOfOpen(path: string): Promise<number> {
  const { readdir, readlink } = await import('node:fs/promises')
  for (const name of await readdir('/proc/self/fd')) {
    // Descriptors come and go while we look.
    if ((await readlink(`/proc/self/fd/${name}`).catch(() => '')) !== path) continue
    const info = await readFile(`/proc/self/fdinfo/${name}`, 'utf8')
    return Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? '0', 8)
  }
  return 0
}
