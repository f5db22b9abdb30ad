// Blobs under verification and repair: what visible events name must be there and whole.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { isHoldfastError } from '../errors.ts'
import { createJournal } from '../journal.ts'
import type { VerifyReport } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { prng } from '../testing/prng.ts'
import {
  diskOf,
  type Files,
  filesOf,
  flipped,
  openSample,
  putFile,
  sampleProcess,
  withFile,
} from '../testing/sample-journal.ts'
import { repairDirectory } from './repair.ts'
import { verifyDirectory } from './verify.ts'

let files: Files
let large: string

beforeAll(async () => {
  const disk = await diskOf(new Map())
  const store = await openSample(disk)
  const journal = createJournal(store)
  const small = await journal.blobs.put('small')
  const big = await journal.blobs.put(content())
  large = big.digest
  await journal.append('files', { type: 'added', data: { small, big } })
  await journal.append('passing', { type: 'added', data: { big } })
  await journal.close()
  files = await filesOf(disk)
})

function content(): Uint8Array {
  const random = prng(5)
  return Uint8Array.from({ length: 300_000 }, () => random.below(256))
}

function chunkPaths(): readonly string[] {
  return [...files.keys()].filter((path) => path.startsWith('blobs/'))
}

async function verifyFiles(changed: Files): Promise<VerifyReport> {
  return verifyDirectory(await diskOf(changed), {})
}

function repair(disk: Disk, digest: string) {
  const ownership = { process: sampleProcess }
  return repairDirectory(disk, { actions: [{ do: 'blob', digest }], clock: fakeClock(), ownership })
}

describe('blobs', () => {
  it('that are whole are counted, without a finding', async () => {
    expect(chunkPaths().length).toBeGreaterThan(1)
    expect(await verifyFiles(files)).toMatchObject({ blobs: 2, findings: [], ok: true })
  })

  it('with a missing chunk are missing, with a changed or short one damaged: once each', async () => {
    for (const path of chunkPaths()) {
      const bytes = files.get(path) ?? Buffer.alloc(0)
      const missing = await verifyFiles(withFile(files, path, undefined))
      expect(missing).toMatchObject({ ok: false, blobs: 1, findings: [{ kind: 'blob-missing', file: path }] })
      const changed = await verifyFiles(withFile(files, path, flipped(bytes, bytes.length >> 1, 4)))
      expect(changed).toMatchObject({ ok: false, blobs: 1, findings: [{ kind: 'blob-damaged', file: path }] })
      const short = await verifyFiles(withFile(files, path, bytes.subarray(1)))
      expect(short.findings).toMatchObject([{ kind: 'blob-damaged', file: path, repair: 'blob' }])
    }
  })

  it('that nothing names any more are no damage when they are gone', async () => {
    const disk = await diskOf(files)
    const store = await openSample(disk, { clock: fakeClock(1_700_000_001_000) })
    const rule = { streams: ['files', 'passing'].map((stream) => ({ stream, before: 'all' as const })) }
    await store.retain(rule, { dryRun: false })
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
    expect((await verifyDirectory(disk, {})).findings).toEqual([])
  })

  it('files without a record, and strangers, are told as such', async () => {
    const disk = await diskOf(files)
    const digest = 'ab'.repeat(32)
    await putFile(disk, `blobs/ab/${digest}`, Buffer.from('x'))
    await putFile(disk, 'blobs/ab/notes.txt', Buffer.from('x'))
    await putFile(disk, 'blobs/letter', Buffer.from('x'))
    const found = (await verifyDirectory(disk, {})).findings
    expect(found.map(({ kind, severity, file }) => [severity, kind, file])).toEqual(
      expect.arrayContaining([
        ['note', 'blob-orphan', `blobs/ab/${digest}`],
        ['warning', 'foreign-file', 'blobs/ab/notes.txt'],
        ['warning', 'foreign-file', 'blobs/letter'],
      ]),
    )
    expect(found).toHaveLength(3)
  })

  it('staged and not yet named are no orphans while their writer lives', async () => {
    const disk = await diskOf(files)
    const store = await openSample(disk, { clock: fakeClock(1_700_000_001_000) })
    const staged = await store.stageBlob(content().reverse())
    expect((await store.verify({})).findings).toEqual([])
    staged.release()
    await store.close()
  })

  it('that are damaged come back by repair and putting them again', async () => {
    const path = chunkPaths()[0] ?? ''
    const disk = await diskOf(withFile(files, path, flipped(files.get(path) ?? Buffer.alloc(0), 9, 1)))
    const report = await repair(disk, large)
    expect(report.actions).toMatchObject([{ do: 'blob', file: path, eventsLost: 0 }])
    expect(report.actions[0]?.setAside).toHaveLength(1)
    expect(report.verifyAfter.findings.map(({ kind }) => kind)).toContain('blob-missing')
    const store = await openSample(disk, { clock: fakeClock(1_700_000_001_000) })
    const journal = createJournal(store)
    const again = await journal.blobs.put(content())
    expect(again.digest).toBe(large)
    expect(Buffer.from(await journal.blobs.get(large)).equals(content())).toBe(true)
    expect((await journal.verify()).ok).toBe(true)
    await journal.close()
    await expect(repair(disk, large)).rejects.toSatisfy((error) => isHoldfastError(error, 'INVALID_ARGUMENT'))
  })
})
