import { expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { isHoldfastError } from '../errors.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { Relocation } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { movedPath } from './layout.ts'
import { readMoved, removeMoved, writeMoved } from './moved-file.ts'
import { verifyDirectory } from './verify.ts'
import { readWholeFile, writeWholeFile } from './whole-file.ts'

const relocation: Relocation = { state: 'moved', to: '/elsewhere', copy: 'c'.repeat(32), time: 1_790_000_000_000 }

function open(disk: ReturnType<typeof memoryDisk>): Promise<FileStore> {
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process: { pid: 1, host: 'h' } })
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isHoldfastError(error)) return error.code
    throw error
  }
}

it('the mark is what was written, until it is taken away', async () => {
  const disk = memoryDisk()
  expect(await readMoved(disk)).toBeUndefined()
  await writeMoved(disk, { ...relocation, state: 'moving' })
  await writeMoved(disk, relocation)
  expect(await readMoved(disk)).toEqual(relocation)
  expect((await readWholeFile(disk, movedPath, 1_000))?.toString()).toBe(
    '{"holdfast":1,"state":"moved","to":"/elsewhere","copy":"cccccccccccccccccccccccccccccccc","time":1790000000000,"sum":"561c5276"}\n',
  )
  await removeMoved(disk)
  await removeMoved(disk)
  expect(await readMoved(disk)).toBeUndefined()
})

it('with any bit of the mark flipped the journal does not open for writing, and verification says why', async () => {
  const disk = memoryDisk()
  await (await open(disk)).close()
  await writeMoved(disk, relocation)
  expect(await codeOf(open(disk))).toBe('MOVED')
  const file = await disk.open(movedPath, { mode: 'read' })
  const whole = Buffer.alloc(await file.size())
  await file.read(whole, 0)
  await file.close()
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    await writeWholeFile(disk, movedPath, flipped)
    expect(['DAMAGED', 'NEWER_FORMAT'], `bit ${bit}`).toContain(await codeOf(open(disk)))
  }
  const { findings } = await verifyDirectory(disk, {})
  expect(findings).toMatchObject([{ kind: 'moved-damaged', severity: 'damage', file: movedPath }])
})

it('a mark of a newer format, and a file that is none, keep the journal shut', async () => {
  const disk = memoryDisk()
  await (await open(disk)).close()
  await writeWholeFile(disk, movedPath, Buffer.from('{"holdfast":2,"sum":"00000000"}\n'))
  expect(await codeOf(open(disk))).toBe('NEWER_FORMAT')
  await writeWholeFile(disk, movedPath, Buffer.alloc(100_000))
  expect(await codeOf(open(disk))).toBe('FOREIGN_FILE')
})
