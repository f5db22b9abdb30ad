// The journal's time: taken from the clock, but never decreasing, whatever the clock does.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { batch, change, command, dropAll, event, events, put, putMany, retain } from './batches.ts'
import { type CaseDefinition, caseGroup, persistent, reopened, sceneStartMs } from './scene.ts'

const start = sceneStartMs

export const time: readonly CaseDefinition[] = caseGroup('time', (test) => {
  test("an event's time is the clock's", async ({ store, clock }) => {
    await put(store, 'a')
    clock.advance(1_234)
    await put(store, 'a')
    deepEqual(
      (await events(store)).map((stored) => stored.time),
      [start, start + 1_234],
    )
  })

  test('all events of a batch have one time', async ({ store, clock }) => {
    clock.advance(7)
    await put(store, 'a', 'b', 'c')
    deepEqual(
      (await events(store)).map((stored) => stored.time),
      [start + 7, start + 7, start + 7],
    )
  })

  test('a clock that runs backwards does not take the journal along', async ({ store, clock }) => {
    clock.set(start + 500)
    await put(store, 'a')
    clock.set(start - 100_000)
    await put(store, 'a')
    clock.set(start + 499)
    await put(store, 'b')
    clock.set(start + 501)
    await put(store, 'a')
    deepEqual(
      (await events(store)).map((stored) => stored.time - start),
      [500, 500, 500, 501],
    )
  })

  test('a clock that stands still is no obstacle', async ({ store }) => {
    for (let round = 0; round < 5; round++) await put(store, 'a')
    const times = (await events(store)).map((stored) => stored.time)
    deepEqual(times, [start, start, start, start, start])
  })

  test('a leap into the future is kept', async ({ store, clock }) => {
    const far = start + 100 * 365 * 86_400_000
    clock.set(far)
    await put(store, 'a')
    clock.set(start)
    await put(store, 'a')
    deepEqual(
      (await events(store)).map((stored) => stored.time),
      [far, far],
    )
  })

  test('a clock at zero is a clock', async ({ store, clock }) => {
    clock.set(0)
    await put(store, 'a')
    clock.set(5)
    await put(store, 'a')
    deepEqual(
      (await events(store)).map((stored) => stored.time),
      [0, 5],
    )
  })

  test('appends in flight while the clock jumps have rising times', async ({ store, clock }) => {
    const calls: Promise<unknown>[] = []
    for (const offset of [5, 3, 9, 1, 9, 20, -50, 21]) {
      clock.set(start + offset)
      calls.push(put(store, 'a'))
    }
    await Promise.all(calls)
    const times = (await events(store)).map((stored) => stored.time)
    ok(times.every((value, index) => index === 0 || value >= (times[index - 1] ?? 0)))
    equal(times.length, 8)
    ok(Math.max(...times) <= start + 21)
  })

  test("the head's time is the newest event's", async ({ store, clock }) => {
    equal(store.head().time, 0)
    clock.advance(10)
    await put(store, 'a')
    equal(store.head().time, start + 10)
    clock.set(start)
    await put(store, 'a')
    equal(store.head().time, start + 10)
  })

  test('time goes on from what retention removed', async ({ store, clock }) => {
    clock.set(start + 1_000)
    await putMany(store, 'a', 3)
    await dropAll(store, 'a')
    clock.set(start)
    await put(store, 'a')
    equal((await events(store))[0]?.time, start + 1_000)
  })

  test('times are whole milliseconds', async ({ store, clock }) => {
    clock.advance(1)
    await put(store, 'a')
    const [stored] = await events(store)
    ok(Number.isSafeInteger(stored?.time))
  })

  test('a command has the time of its append', async ({ store, clock }) => {
    clock.set(start + 50)
    await store.append(batch([event('a')], { command: command('c') }))
    clock.advance(1_000)
    equal((await retain(store, { commandsBefore: start + 50 })).commands, 0)
    equal((await retain(store, { commandsBefore: start + 51 })).commands, 1)
  })

  test('a clock that ran backwards gives no lease a shorter end', async ({ store, clock }) => {
    clock.set(start + 1_000)
    await put(store, 'a')
    clock.set(start)
    const receipt = await change(store, { leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 10 }] })
    equal(receipt.leases[0]?.until, start + 1_010)
  })

  test(
    'time goes on after a reopening, though the clock was put back',
    async (scene) => {
      scene.clock.set(start + 1_000)
      await put(scene.store, 'a')
      scene.clock.set(start - 1_000)
      const store = await reopened(scene)
      await put(store, 'a')
      deepEqual(
        (await events(store)).map((stored) => stored.time),
        [start + 1_000, start + 1_000],
      )
      equal(store.head().time, start + 1_000)
    },
    { requires: persistent },
  )

  test(
    'time goes on after a reopening, though retention removed everything',
    async (scene) => {
      scene.clock.set(start + 1_000)
      await put(scene.store, 'a')
      await dropAll(scene.store, 'a')
      scene.clock.set(start - 1_000)
      const store = await reopened(scene)
      await put(store, 'a')
      ok(((await events(store))[0]?.time ?? 0) >= start + 1_000)
    },
    { requires: persistent },
  )
})
