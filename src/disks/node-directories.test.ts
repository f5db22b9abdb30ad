import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeText } from './file-content.ts'
import { nodeDirectories } from './node-directories.ts'

const posix = process.platform !== 'win32'
let directory: string
let target: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-directories-'))
  target = join(directory, 'target')
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

describe('a directory in the making', () => {
  it.each(['a new name', 'an empty directory'])('takes %s when it is committed', async (kind) => {
    if (kind === 'an empty directory') await mkdir(target)
    const made = await nodeDirectories.begin(target)
    await writeText(made.disk, 'file', 'x')
    expect(await readdir(target).catch(() => [])).toEqual([])
    await made.commit()
    expect(await readdir(directory)).toEqual(['target'])
    expect(await readdir(target)).toEqual(['file'])
  })

  it('is gone when it is discarded', async () => {
    const made = await nodeDirectories.begin(target)
    await writeText(made.disk, 'file', 'x')
    await made.discard()
    expect(await readdir(directory)).toEqual([])
  })

  it('is refused to a second one, and free again afterwards', async () => {
    const made = await nodeDirectories.begin(target)
    await writeText(made.disk, 'file', 'x')
    await expect(nodeDirectories.begin(target)).rejects.toMatchObject({ code: 'EBUSY' })
    await made.discard()
    await (await nodeDirectories.begin(target)).commit()
    expect(await readdir(target)).toEqual([])
  })

  it('begins empty, whatever a crash left of an earlier one', async () => {
    const part = `${target}.backup-part`
    await mkdir(join(part, 'folder'), { recursive: true })
    await writeFile(join(part, 'folder', 'old'), 'x')
    await (await nodeDirectories.begin(target)).commit()
    expect(await readdir(target)).toEqual([])
  })

  it('stands nowhere but where nothing is', async () => {
    const file = join(directory, 'file')
    await writeFile(file, 'x')
    for (const [path, code] of [
      [directory, 'ENOTEMPTY'],
      [file, 'ENOTDIR'],
      [join(file, 'below'), 'ENOTDIR'],
      [join(directory, 'missing', 'below'), 'ENOENT'],
    ] as const) {
      await expect(nodeDirectories.begin(path)).rejects.toMatchObject({ code })
    }
    expect(await readdir(directory)).toEqual(['file'])
  })

  it('does not replace what came there meanwhile', async () => {
    const made = await nodeDirectories.begin(target)
    await mkdir(target)
    await writeFile(join(target, 'other'), 'x')
    await expect(made.commit()).rejects.toMatchObject({ code: expect.stringMatching(/^(ENOTEMPTY|EEXIST|EPERM)$/) })
    await made.discard()
    expect(await readdir(target)).toEqual(['other'])
  })

  it.skipIf(!posix)('goes where a link to a directory leads, and not over a link to nothing', async () => {
    await mkdir(join(directory, 'real'))
    await symlink('real', join(directory, 'link'))
    await symlink('nowhere', join(directory, 'dangling'))
    const made = await nodeDirectories.begin(join(directory, 'link'))
    await writeText(made.disk, 'file', 'x')
    await made.commit()
    expect(await readdir(join(directory, 'real'))).toEqual(['file'])
    await expect(nodeDirectories.begin(join(directory, 'dangling'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})
