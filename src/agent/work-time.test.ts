// C1.9: the time at work is that of the calls: what overlaps counts once, and waiting counts not at all.

import { expect, it } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { WorkTime } from './work-time.ts'

const never = new AbortController().signal

it('counts what overlaps once, and pauses not at all', async () => {
  const clock = fakeClock()
  const work = new WorkTime(clock)
  const passing = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))
  const both = Promise.all([work.during(never, () => passing(100)), work.during(never, () => passing(300))])
  clock.advance(300)
  await both
  clock.advance(5_000)
  expect(work.take()).toBe(300)
  expect(work.take()).toBe(0)
})

it('ends with a failure, and when the call is given up though it goes on', async () => {
  const clock = fakeClock()
  const work = new WorkTime(clock)
  const failing = work.during(never, () => Promise.reject(new TypeError('no')))
  await expect(failing).rejects.toBeInstanceOf(TypeError)
  const stop = new AbortController()
  void work.during(stop.signal, () => new Promise(() => undefined))
  clock.advance(40)
  stop.abort()
  clock.advance(1_000)
  expect(work.take()).toBe(40)
})

it('gets nothing back from a clock that is put back', async () => {
  const clock = fakeClock()
  const work = new WorkTime(clock)
  const stop = new AbortController()
  void work.during(stop.signal, () => new Promise(() => undefined))
  clock.set(clock.now() - 9_000)
  clock.advance(10)
  expect(work.take()).toBe(0)
  clock.advance(10)
  expect(work.take()).toBe(10)
})
