// Power fails in every operation of a repair. Whatever is left either is repaired, or has the same damage and can be
// repaired by the same choice; no event that was readable before is lost on the way.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import {
  type Files,
  filesOf,
  fillSample,
  flipped,
  lineStart,
  openSample,
  putFile,
  sampleProcess,
  segmentsOf,
  withFile,
} from '../testing/sample-journal.ts'
import { type RepairAction, repairDirectory } from './repair.ts'
import { verifyDirectory } from './verify.ts'

async function sampleOnSimulated(): Promise<Files> {
  const { disk } = new SimulatedDisk()
  const clock = fakeClock()
  const store = await openSample(disk, { clock })
  await fillSample(store, clock, 1, 23)
  await store.close()
  return filesOf(disk)
}

/** A disk on which all of this is durable. */
async function durableDisk(files: Files): Promise<SimulatedDisk> {
  const simulated = new SimulatedDisk()
  const { disk } = simulated
  for (const [path, bytes] of files) {
    await putFile(disk, path, bytes)
    const file = await disk.open(path, { mode: 'write' })
    await file.sync()
    await file.close()
    for (let folder = path; folder !== ''; ) {
      folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : ''
      await disk.syncDirectory(folder)
    }
  }
  return simulated
}

async function repair(disk: Disk, action: RepairAction): Promise<boolean> {
  const options = { actions: [action], clock: fakeClock(1_700_000_200_000), ownership: { process: sampleProcess } }
  const { verifyAfter } = await repairDirectory(disk, options)
  return verifyAfter.ok
}

async function positionsOf(disk: Disk): Promise<readonly number[]> {
  const store = await openSample(disk, { clock: fakeClock(1_700_000_300_000) })
  const positions: number[] = []
  for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) {
    for (const item of page) if (!('removed' in item)) positions.push(item.position)
  }
  expect((await store.verify({})).ok).toBe(true)
  await store.close()
  return positions
}

async function crashEverywhere(files: Files, action: RepairAction): Promise<number> {
  const durable = await durableDisk(files)
  const whole = durable.crash({ seed: 1, model: 'adversarial' })
  expect(await repair(whole.disk, action)).toBe(true)
  const repaired = await positionsOf(whole.disk)
  let crashes = 0
  for (let crashAt = 1; ; crashAt++) {
    const simulated = durable.crash({ seed: 1, model: 'adversarial', crashAt })
    const survived = await repair(simulated.disk, action).then(
      () => true,
      () => false,
    )
    if (survived) return crashes
    crashes++
    for (const seed of [1, 2]) {
      const { disk } = simulated.crash({ seed: crashAt * 10 + seed, model: 'adversarial' })
      const where = `crash in operation ${crashAt}, seed ${seed}`
      const isOk = (await verifyDirectory(disk, {})).ok || (await repair(disk, action))
      expect(isOk, where).toBe(true)
      expect(await positionsOf(disk), where).toEqual(repaired)
    }
  }
}

describe('a power cut within a repair', { timeout: 120_000 }, () => {
  it('that excises from a sealed segment costs nothing', async () => {
    const files = await sampleOnSimulated()
    const file = segmentsOf(files)[1] ?? ''
    const bytes = files.get(file) ?? Buffer.alloc(0)
    const offset = lineStart(bytes, bytes.length >> 1)
    const damaged = withFile(files, file, flipped(bytes, offset + 12, 2))
    expect(await crashEverywhere(damaged, { do: 'excise', file, offset })).toBeGreaterThan(30)
  })

  it('that excises from the newest segment costs nothing', async () => {
    const files = await sampleOnSimulated()
    const file = segmentsOf(files).at(-1) ?? ''
    const bytes = files.get(file) ?? Buffer.alloc(0)
    const offset = bytes.indexOf(0x0a) + 1
    const damaged = withFile(files, file, flipped(bytes, offset + 12, 2))
    expect(await crashEverywhere(damaged, { do: 'excise', file, offset })).toBeGreaterThan(15)
  })

  it('that cuts costs nothing that was to stay', async () => {
    const files = await sampleOnSimulated()
    const file = segmentsOf(files)[1] ?? ''
    const bytes = files.get(file) ?? Buffer.alloc(0)
    const offset = lineStart(bytes, bytes.length >> 1)
    const damaged = withFile(files, file, flipped(bytes, offset + 12, 2))
    expect(await crashEverywhere(damaged, { do: 'cut', file, offset })).toBeGreaterThan(20)
  })
})
