import { describe, expect, it } from 'vitest'
import { fakeClock } from './fake-clock.ts'

describe('fake clock', () => {
  it('stands still until told', () => {
    const clock = fakeClock(1_000)
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000])
    clock.advance(5)
    expect(clock.now()).toBe(1_005)
  })

  it('runs due timers in order, each at its moment, and those of one moment as they were made', () => {
    const clock = fakeClock(0)
    const ran: string[] = []
    const note = (name: string) => () => ran.push(`${name}@${clock.now()}`)
    clock.after(30, note('late'))
    clock.after(10, note('first'))
    clock.after(10, note('second'))
    clock.after(31, note('not yet'))
    clock.advance(30)
    expect(ran).toEqual(['first@10', 'second@10', 'late@30'])
    expect(clock.waiting).toBe(1)
  })

  it('runs what a timer makes, when that is due too', () => {
    const clock = fakeClock(0)
    const ran: number[] = []
    const again = (): void => {
      ran.push(clock.now())
      clock.after(10, again)
    }
    clock.after(10, again)
    clock.advance(35)
    expect(ran).toEqual([10, 20, 30])
    expect(clock.now()).toBe(35)
  })

  it('never runs a cancelled timer', () => {
    const clock = fakeClock(0)
    let ran = false
    const timer = clock.after(1, () => {
      ran = true
    })
    timer.cancel()
    clock.advance(10)
    expect([ran, clock.waiting]).toEqual([false, 0])
  })

  it('leaps and runs backwards without running timers, which go by elapsed time', () => {
    const clock = fakeClock(1_000)
    let ran = 0
    clock.after(10, () => ran++)
    clock.set(9_000)
    clock.set(500)
    expect([clock.now(), ran]).toEqual([500, 0])
    clock.advance(10)
    expect([clock.now(), ran]).toEqual([510, 1])
  })
})
