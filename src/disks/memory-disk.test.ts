import { describe, expect, it } from 'vitest'
import { diskCases } from './disk-conformance.ts'
import { writeText } from './file-content.ts'
import { memoryDisk } from './memory-disk.ts'

describe('memory disk', () => {
  it.each(diskCases)('$name', async ({ run }) => {
    await run(memoryDisk())
  })

  it('tells watchers of the file and of its directory, and nobody else', async () => {
    const disk = memoryDisk()
    await disk.makeDirectory('d')
    const seen = new Set<string>()
    for (const path of ['', 'd', 'd/a', 'd/b']) disk.watch(path, () => seen.add(path))
    await writeText(disk, 'd/a', 'x')
    expect([...seen].sort()).toEqual(['d', 'd/a'])
  })

  it('shares nothing with another', async () => {
    const [one, other] = [memoryDisk('one'), memoryDisk('other')]
    await writeText(one, 'a', '')
    expect([one.existsNow('a'), other.existsNow('a')]).toEqual([true, false])
    expect(other.label).toBe('other')
  })
})
