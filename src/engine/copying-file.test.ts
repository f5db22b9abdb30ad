import { expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import type { CopyNote } from '../stores/copy-port.ts'
import { finishCopying, readCopying, removeCopying, writeCopying } from './copying-file.ts'
import { identityLine, readIdentity } from './identity.ts'
import { copyingPath } from './layout.ts'
import { verifyDirectory } from './verify.ts'
import { readWholeFile, writeWholeFile } from './whole-file.ts'

const note: CopyNote = {
  id: '1'.repeat(32),
  from: '/from',
  journal: '2'.repeat(32),
  source: '3'.repeat(32),
  epoch: '4'.repeat(32),
  begun: 7,
}

it('the note is what was written, until it becomes the identity', async () => {
  const disk = memoryDisk()
  expect(await readCopying(disk)).toBeUndefined()
  await writeCopying(disk, note)
  expect(await readCopying(disk)).toEqual(note)
  expect(await readIdentity(disk)).toBeUndefined()
  const ancestors = [{ epoch: note.source, through: 12 }]
  await finishCopying(disk, note, ancestors)
  expect(await readCopying(disk)).toBeUndefined()
  const { id, from, source, begun } = note
  const { lockMechanism: lock } = disk
  const expected = { journal: note.journal, epoch: note.epoch, created: begun, lock, ancestors }
  expect(await readIdentity(disk)).toMatchObject({ ...expected, copy: { id, from, source, begun } })
})

it('is one line, the same for ever', async () => {
  const disk = memoryDisk()
  await writeCopying(disk, note)
  const line = (await readWholeFile(disk, copyingPath, 1_000))?.toString()
  expect(line).toBe(
    '{"holdfast":1,"journal":"22222222222222222222222222222222","epoch":"44444444444444444444444444444444","created":7,"lock":"memory","copy":{"id":"11111111111111111111111111111111","from":"/from","source":"33333333333333333333333333333333","begun":7},"sum":"04a7de0c"}\n',
  )
  await finishCopying(disk, note, [{ epoch: note.source, through: 12 }])
  const identity = (await readWholeFile(disk, 'journal.json', 1_000))?.toString()
  expect(identity).toBe(
    '{"holdfast":1,"journal":"22222222222222222222222222222222","epoch":"44444444444444444444444444444444","created":7,"lock":"memory","ancestors":[{"epoch":"33333333333333333333333333333333","through":12}],"copy":{"id":"11111111111111111111111111111111","from":"/from","source":"33333333333333333333333333333333","begun":7},"sum":"aa9bc093"}\n',
  )
})

it('without ancestors the identity has none', async () => {
  const disk = memoryDisk()
  await writeCopying(disk, note)
  await finishCopying(disk, note, [])
  expect(await readIdentity(disk)).not.toHaveProperty('ancestors')
})

it('a note that is taken away leaves nothing', async () => {
  const disk = memoryDisk()
  await writeCopying(disk, note)
  await removeCopying(disk)
  expect(await disk.list('')).toEqual([])
})

it('a note that is damaged, or none, is told, and verification says what the directory is', async () => {
  const disk = memoryDisk()
  await writeWholeFile(disk, copyingPath, Buffer.from('{"holdfast":1,"journal":"x","sum":"00000000"}\n'))
  await expect(readCopying(disk)).rejects.toMatchObject({ code: 'DAMAGED', details: { file: copyingPath } })
  expect((await verifyDirectory(disk, {})).findings).toMatchObject([{ kind: 'copy-unfinished' }])
  const { journal, epoch } = note
  await writeWholeFile(disk, copyingPath, identityLine({ journal, epoch, created: 1, lock: 'l' }))
  await expect(readCopying(disk)).rejects.toMatchObject({ code: 'FOREIGN_FILE' })
})

it('a disk that fails is no reason to take the directory for something else', async () => {
  const disk = memoryDisk()
  await writeCopying(disk, note)
  const failing = {
    ...bound(disk),
    open: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })),
  }
  const { findings } = await verifyDirectory(failing, {})
  expect(findings).toContainEqual(expect.objectContaining({ kind: 'copy-unfinished', file: copyingPath }))
  expect(findings).toHaveLength(2)
})

function bound(disk: ReturnType<typeof memoryDisk>): ReturnType<typeof memoryDisk> {
  const methods = ['open', 'list', 'existsNow'] as const
  const own = Object.fromEntries(methods.map((name) => [name, (disk[name] as () => unknown).bind(disk)]))
  return { ...disk, ...own, label: disk.label, lockMechanism: disk.lockMechanism }
}
