// Power cuts in every disk operation of a copy from directory to directory: never do both take writes, always one of them
// can be read whole, an unfinished copy is never taken for a journal, and the next run finishes it, or abandons it. The
// source may go on meanwhile, where it can: then the next run takes along what came.

import { describe, expect, it } from 'vitest'
import { type CrashOptions, SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import { ensureDirectory } from '../../src/engine/whole-file.ts'
import type { Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { copyStore } from '../../src/transfer/copy.ts'
import { spread } from '../crash/spread.ts'
import { append, event, seen } from '../transfer/scene.ts'
import { TwoDirectories } from './two-directories.ts'

type Model = CrashOptions['model']
const models: readonly Model[] = ['adversarial', 'ext4', 'minimal']
/** One in so many operations; all of them with 1. */
const every = Number(process.env.COPY_CRASH_EVERY ?? Math.ceil(1 / Number(process.env.RUNS_MULTIPLIER ?? 1)))
const clock = fakeClock()

interface Scene {
  readonly disk: SimulatedDisk
  readonly seen: unknown
}

async function prepared(): Promise<Scene> {
  const disk = new SimulatedDisk({ seed: 0 })
  if (await ensureDirectory(disk.disk, 'from')) await disk.disk.syncDirectory('')
  const store = await new TwoDirectories(disk, { clock, seed: 1 }).open('from', { create: 'if-missing' })
  const large = await store.stageBlob(Buffer.alloc(40_000, 'b'))
  const small = await store.stageBlob(Buffer.from('small'))
  await append(store, [event('a', 1, [large.digest, small.digest]), event('gone')], { agenda: [{ id: 'w', due: 5 }] })
  for (let index = 0; index < 14; index++) {
    await append(store, [event(`s${index % 3}`, 'x'.repeat(600))], {
      command: { id: `c${index}`, digest: 'c'.repeat(64) },
    })
  }
  const leases = [{ lease: 'l', op: 'acquire', owner: 'o', ttlMs: 9 }] as const
  await append(store, [event('a', 2)], { leases, pins: [{ pin: 'p', from: 1 }] })
  await store.retain({ streams: [{ stream: 'gone', before: 'all' }] }, { dryRun: false })
  const all = await seen(store)
  await store.close()
  return { disk, seen: all }
}

function on(disk: SimulatedDisk, seed: number): TwoDirectories<SimulatedDisk> {
  return new TwoDirectories(disk, { clock, seed })
}

async function seenIn(places: TwoDirectories<SimulatedDisk>, folder: 'from' | 'to'): Promise<unknown> {
  const store = await places.open(folder, { readOnly: true })
  try {
    return await seen(store)
  } finally {
    await store.close()
  }
}

interface Found {
  readonly from: string | undefined
  readonly to: string | undefined
}

/** What opening for writing says of both, without changing more than that does. */
async function found(places: TwoDirectories<SimulatedDisk>): Promise<Found> {
  return { from: await places.refusal('from', {}), to: await places.refusal('to', {}) }
}

/** Something comes and something goes, in the source, that an earlier run has seen otherwise. */
async function goOn(store: Store): Promise<void> {
  await append(store, [event('a', 'later')], { agenda: [{ id: 'w', due: null }], pins: [{ pin: 'p', from: null }] })
  await store.retain({ streams: [{ stream: 's1', before: 2 }] }, { dryRun: false })
}

async function cutAgain(
  places: TwoDirectories<SimulatedDisk>,
  crashAt: number,
  label: string,
): Promise<TwoDirectories<SimulatedDisk>> {
  const cut = on(places.simulated.crash({ seed: crashAt, model: 'minimal', crashAt: crashAt + 1 }), crashAt)
  await cut.copy().catch(() => undefined)
  const after = on(cut.simulated.crash({ seed: crashAt, model: 'adversarial' }), crashAt)
  const { from, to } = await found(after)
  expect([from, to], label).not.toEqual([undefined, undefined])
  return after
}

describe('a copy from directory to directory', { timeout: 600_000 }, () => {
  it('that a power cut ends is finished by the next run, with what came meanwhile', async () => {
    const scene = await prepared()
    const whole = on(scene.disk.crash({ seed: 0, model: 'minimal' }), 3)
    await whole.copy()
    const { operations } = whole.simulated
    expect(await seenIn(whole, 'to')).toEqual(scene.seen)
    expect(operations).toBeGreaterThan(200)
    const cases = { usable: 0, moving: 0, done: 0, resumed: 0 }
    for (const crashAt of spread({ last: operations, every })) {
      const seed = crashAt
      const cut = on(scene.disk.crash({ seed: 0, model: 'minimal', crashAt }), seed)
      await expect(cut.copy(), `operation ${crashAt}`).rejects.toThrow()
      const model = models[crashAt % models.length] ?? 'minimal'
      const after = on(cut.simulated.crash({ seed, model }), seed + 1)
      const label = `operation ${crashAt}, ${model}`
      const { from, to } = await found(after)
      expect([from, to].filter((refusal) => refusal === undefined).length, label).toBeLessThanOrEqual(1)
      expect([undefined, 'MOVED'], label).toContain(from)
      expect([undefined, 'COPY_UNFINISHED', 'JOURNAL_MISSING'], label).toContain(to)
      expect(await seenIn(after, 'from'), label).toEqual(scene.seen)
      let expected = scene.seen
      if (from === undefined) {
        cases.usable++
        const store = await after.open('from')
        await goOn(store)
        expected = await seen(store)
        await store.close()
      } else if (to === undefined) {
        cases.done++
        expect(await seenIn(after, 'to'), label).toEqual(scene.seen)
      } else cases.moving++
      // The next run may be cut off as well.
      const last = crashAt % 3 === 0 ? await cutAgain(after, (crashAt * 37) % operations, label) : after
      const report = await last.copy()
      if (report.resumedAt > 0) cases.resumed++
      expect(await seenIn(last, 'to'), label).toEqual(expected)
      expect(await found(last), label).toEqual({ from: 'MOVED', to: undefined })
      const durable = on(last.simulated.crash({ seed, model: 'minimal' }), seed + 2)
      expect(await seenIn(durable, 'to'), label).toEqual(expected)
      expect(await durable.refusal('from', {}), label).toBe('MOVED')
    }
    // Each of the states was met: the source as it was, marked, and done but for the last mark.
    expect(cases.usable).toBeGreaterThan(30)
    expect(cases.resumed).toBeGreaterThan(10)
    if (every === 1) expect(Math.min(cases.moving, cases.done)).toBeGreaterThan(0)
  })

  it('that was killed goes on with what was not synced, and a power cut at any later time finds one journal', async () => {
    const scene = await prepared()
    const whole = on(scene.disk.crash({ seed: 0, model: 'minimal' }), 3)
    await whole.copy()
    const { operations } = whole.simulated
    for (const killAt of spread({ last: operations, every })) {
      const label = `operation ${killAt}`
      const killed = on(scene.disk.crash({ seed: 0, model: 'minimal', crashAt: killAt }), killAt)
      await expect(killed.copy(), label).rejects.toThrow()
      const next = on(killed.simulated.crash({ seed: killAt, model: 'process' }), killAt + 1)
      await next.copy()
      const after = on(next.simulated.crash({ seed: killAt, model: 'minimal' }), killAt + 2)
      expect(await found(after), label).toEqual({ from: 'MOVED', to: undefined })
      expect(await seenIn(after, 'to'), label).toEqual(scene.seen)
    }
    // The power goes in what comes last: the marks, and the names.
    for (const killAt of spread({ first: operations - 25, last: operations, every })) {
      for (let cutAt = 1 + (killAt % 7), isOver = false; !isOver; cutAt += 7) {
        const killed = on(scene.disk.crash({ seed: 0, model: 'minimal', crashAt: killAt }), killAt)
        await killed.copy().catch(() => undefined)
        const next = on(killed.simulated.crash({ seed: killAt, model: 'process', crashAt: cutAt }), killAt + 1)
        isOver = await next.copy().then(
          () => true,
          () => false,
        )
        const after = on(next.simulated.crash({ seed: cutAt, model: 'minimal' }), killAt + 2)
        const { from, to } = await found(after)
        expect([from, to], `operation ${killAt}, then ${cutAt}`).not.toEqual([undefined, undefined])
        await after.copy()
        expect(await found(after), `operation ${killAt}, then ${cutAt}`).toEqual({ from: 'MOVED', to: undefined })
      }
    }
  })

  it('that a power cut ends can be abandoned, in spite of another one', async () => {
    const scene = await prepared()
    const whole = on(scene.disk.crash({ seed: 0, model: 'minimal' }), 3)
    await whole.copy()
    const { operations } = whole.simulated
    for (const crashAt of spread({ first: 2, last: operations, every: every * 2 })) {
      const seed = crashAt
      const cut = on(scene.disk.crash({ seed: 0, model: 'minimal', crashAt }), seed)
      await expect(cut.copy(), `operation ${crashAt}`).rejects.toThrow()
      const label = `operation ${crashAt}`
      const again = on(cut.simulated.crash({ seed, model: 'ext4', crashAt: 20 + (crashAt % 60) }), seed)
      await again.abandon().catch(() => undefined)
      const after = on(again.simulated.crash({ seed, model: 'adversarial' }), seed + 1)
      if ((await found(after)).to === undefined) {
        await expect(after.abandon(), label).rejects.toMatchObject({ code: 'MOVED' })
        continue
      }
      await after.abandon()
      expect(await found(after), label).toEqual({ from: undefined, to: 'JOURNAL_MISSING' })
      expect(await seenIn(after, 'from'), label).toEqual(scene.seen)
    }
  })

  it('that forks is there whole or not, and the source goes on in any case', async () => {
    const scene = await prepared()
    const whole = on(scene.disk.crash({ seed: 0, model: 'minimal' }), 3)
    await whole.copy(true)
    const { operations } = whole.simulated
    for (const crashAt of spread({ first: 3, last: operations, every: every * 2 })) {
      const seed = crashAt
      const cut = on(scene.disk.crash({ seed: 0, model: 'minimal', crashAt }), seed)
      await expect(cut.copy(true), `operation ${crashAt}`).rejects.toThrow()
      const label = `operation ${crashAt}`
      const after = on(cut.simulated.crash({ seed, model: 'adversarial' }), seed + 1)
      const store = await after.open('from')
      await goOn(store)
      await store.close()
      const isDone = (await found(after)).to === undefined
      if (!isDone) await after.copy(true)
      const forked = await after.open('to')
      expect(forked.head().position, label).toBe(isDone ? 17 : 18)
      expect(forked.identity().ancestors, label).toMatchObject([{ through: isDone ? 17 : 18 }])
      expect((await forked.verify({})).ok, label).toBe(true)
      await forked.close()
    }
  })

  it('by a process that was stopped, and whose source was taken over, ends without a mark and without a journal', async () => {
    const scene = await prepared()
    const places = on(scene.disk.crash({ seed: 0, model: 'minimal' }), 3)
    const source = await places.source()
    const next = await places.open('from', { takeover: true })
    const copying = copyStore(source, places.target(), { fork: false, clock, random: seededRandom(5) })
    await expect(copying).rejects.toMatchObject({ code: 'SUPERSEDED' })
    expect(await next.relocation()).toBeUndefined()
    await append(next, [event('a', 'goes on')])
    await next.close()
    await source.close()
    expect(await found(places)).toEqual({ from: undefined, to: 'COPY_UNFINISHED' })
  })
})
