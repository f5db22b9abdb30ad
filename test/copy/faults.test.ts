// A failing disk in every operation of a copy: an error with a code, never two journals that take writes, and the next run
// finishes it.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../../src/disks/disk.ts'
import { type FaultPlan, faultyDisk } from '../../src/disks/faulty-disk.ts'
import { SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import { ensureDirectory } from '../../src/engine/whole-file.ts'
import { isHoldfastError } from '../../src/errors.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { append, event, seen } from '../transfer/scene.ts'
import { TwoDirectories } from './two-directories.ts'

const clock = fakeClock()
/** One in so many operations; all of them with 1. */
const every = Number(process.env.COPY_FAULT_EVERY ?? 2)

function on(disk: Disk): TwoDirectories {
  return new TwoDirectories({ disk }, { clock, seed: 3 })
}

async function seenIn(places: TwoDirectories, folder: 'from' | 'to'): Promise<unknown> {
  const store = await places.open(folder, { readOnly: true })
  try {
    return await seen(store)
  } finally {
    await store.close()
  }
}

describe('a copy on a disk that fails', { timeout: 600_000 }, () => {
  it.each(['EIO', 'ENOSPC', 'short'] as const)(
    'with %s says so with a code, and is finished by the next run',
    async (fault) => {
      const disk = new SimulatedDisk({ seed: 0 })
      if (await ensureDirectory(disk.disk, 'from')) await disk.disk.syncDirectory('')
      const store = await on(disk.disk).open('from', { create: 'if-missing' })
      const { digest } = await store.stageBlob(Buffer.alloc(20_000, 'b'))
      await append(store, [event('a', 1, [digest]), event('gone')], { agenda: [{ id: 'w', due: 5 }] })
      for (let index = 0; index < 12; index++) await append(store, [event(`s${index % 3}`, 'x'.repeat(600))])
      await store.retain({ streams: [{ stream: 'gone', before: 'all' }] }, { dryRun: false })
      const expected = await seen(store)
      await store.close()
      const fresh = (): SimulatedDisk => disk.crash({ seed: 0, model: 'minimal' })

      const counting = faultyDisk(fresh().disk)
      await on(counting).copy()
      const outcomes = { failed: 0, freed: 0, marked: 0, done: 0 }
      for (let at = 1; at <= counting.operations; at += every) {
        const label = `${fault} at ${at}`
        const sound = fresh()
        const plan: FaultPlan = { at, times: 'once', fault, seed: at }
        const error = await on(faultyDisk(sound.disk, plan))
          .copy()
          .then(
            () => undefined,
            (caught: unknown) => caught,
          )
        if (error !== undefined) {
          outcomes.failed++
          expect(isHoldfastError(error), `${label}: ${String(error)}`).toBe(true)
          expect(fault, label).not.toBe('short')
        }
        const places = on(sound.crash({ seed: 0, model: 'process' }).disk) // its locks end with the process
        const [from, to] = [await places.refusal('from', {}), await places.refusal('to', {})]
        expect([from, to], label).not.toEqual([undefined, undefined])
        expect(await seenIn(places, 'from'), label).toEqual(expected)
        if (from === undefined) outcomes.freed++
        else if (to === undefined) outcomes.done++
        else outcomes.marked++
        await places.copy()
        expect(await seenIn(places, 'to'), label).toEqual(expected)
        expect([await places.refusal('from', {}), await places.refusal('to', {})], label).toEqual(['MOVED', undefined])
      }
      if (fault === 'short') expect(outcomes.failed).toBe(0)
      else expect(Math.min(outcomes.failed, outcomes.freed, outcomes.done)).toBeGreaterThan(0)
    },
  )
})
