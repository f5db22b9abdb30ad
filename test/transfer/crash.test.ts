// Power cuts and failing disks in every operation of an import: what is there afterwards is no journal, or the whole one.

import { describe, expect, it } from 'vitest'
import type { Directories } from '../../src/disks/directories.ts'
import type { Disk } from '../../src/disks/disk.ts'
import { faultyDisk } from '../../src/disks/faulty-disk.ts'
import { memoryDisk } from '../../src/disks/memory-disk.ts'
import { SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import { readIdentity } from '../../src/engine/identity.ts'
import { isHoldfastError } from '../../src/errors.ts'
import { importDirectory } from '../../src/import.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import type { Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { append, event, exportOf, inPieces, memoryScene, seen } from './scene.ts'

const segmentBytes = 4_096

async function someExport(): Promise<{ readonly bytes: Buffer; readonly seen: unknown }> {
  const { store } = memoryScene()
  const { digest } = await store.stageBlob(Buffer.alloc(40_000, 'b'))
  await append(store, [event('a', 1, [digest]), event('gone')], { agenda: [{ id: 'w', due: 5 }] })
  for (let index = 0; index < 12; index++) await append(store, [event(`s${index % 3}`, 'x'.repeat(600))])
  await store.retain({ streams: [{ stream: 'gone', before: 'all' }] }, { dryRun: false })
  return { bytes: await exportOf(store), seen: await seen(store) }
}

/** The part and its name are one directory here: what renames it stands in node-directories.ts, with tests beside it. */
function onDisk(disk: Disk): Directories {
  const discard = () => Promise.resolve()
  return { begin: () => Promise.resolve({ disk, commit: () => disk.syncDirectory(''), discard }) }
}

function run(bytes: Buffer, disk: Disk): Promise<unknown> {
  const options = { segmentBytes, clock: fakeClock(), random: seededRandom(3) }
  return importDirectory(inPieces(bytes), { to: 'target', directories: onDisk(disk) }, options)
}

function openOn(disk: Disk): Promise<Store> {
  return openFileStore({
    disk,
    clock: fakeClock(),
    random: seededRandom(4),
    process: { pid: 1, host: 'h' },
    create: 'never',
    segmentBytes,
  })
}

describe('an import', () => {
  it('that a power cut ends is not there, or whole', async () => {
    const expected = await someExport()
    const whole = new SimulatedDisk({ seed: 0 })
    await run(expected.bytes, whole.disk)
    expect(whole.operations).toBeGreaterThan(100)
    let without = 0
    let complete = 0
    for (let crashAt = 1; crashAt <= whole.operations; crashAt++) {
      const simulated = new SimulatedDisk({ seed: crashAt, crashAt })
      await expect(run(expected.bytes, simulated.disk), `operation ${crashAt}`).rejects.toThrow()
      for (const model of ['adversarial', 'ext4'] as const) {
        const after = simulated.crash({ seed: crashAt * 7, model })
        if ((await readIdentity(after.disk)) === undefined) without++
        else {
          const store = await openOn(after.disk)
          expect(await seen(store), `operation ${crashAt}, ${model}`).toEqual(expected.seen)
          await store.close()
          complete++
        }
      }
    }
    expect(without).toBeGreaterThan(100)
    expect(complete).toBeGreaterThan(0)
    const durable = whole.crash({ seed: 1, model: 'adversarial' })
    const store = await openOn(durable.disk)
    expect(await seen(store)).toEqual(expected.seen)
    await store.close()
  })

  it('on a disk that fails says so with a code, and is not there or whole', async () => {
    const expected = await someExport()
    const counting = faultyDisk(memoryDisk())
    await run(expected.bytes, counting)
    for (const fault of ['EIO', 'ENOSPC', 'short'] as const) {
      for (let at = 1; at <= counting.operations; at++) {
        const inner = memoryDisk()
        const disk = faultyDisk(inner, { at, times: 'once', fault, seed: at })
        const error = await run(expected.bytes, disk).then(
          () => undefined,
          (caught: unknown) => caught,
        )
        if (error === undefined) {
          // A short count costs nothing, nor does a cache that could not be written.
          const store = await openOn(inner)
          expect(await seen(store), `${fault} at ${at}`).toEqual(expected.seen)
          await store.close()
        } else {
          expect(isHoldfastError(error), `${fault} at ${at}: ${String(error)}`).toBe(true)
          expect(fault).not.toBe('short')
        }
      }
    }
  })
})
