import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { alteredDisk } from '../../testing/altered-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { Watchers } from './watchers.ts'

/** Where the system's notices come from: `notices` calls who watches now. */
function watchedDisk() {
  const watching = new Set<() => void>()
  const disk = alteredDisk(memoryDisk('watched'), {
    watch: (path, changed) => {
      expect(path).toBe('durable')
      watching.add(changed)
      return { close: () => void watching.delete(changed) }
    },
  })
  return { disk, watching, notice: () => [...watching].map((changed) => changed()) }
}

describe('watchers', () => {
  it('of a reader are woken by the system, and by time in case its notice got lost', () => {
    const { disk, watching, notice } = watchedDisk()
    const clock = fakeClock()
    const watchers = new Watchers(disk, clock, { poll: true })
    let woken = 0
    const wake = () => {
      woken++
    }
    const stop = watchers.add(wake)
    const stopOther = watchers.add(wake)
    expect(watching.size).toBe(1)
    notice()
    expect(woken).toBe(2)
    clock.advance(20)
    expect(woken).toBe(4)
    clock.advance(40)
    expect(woken).toBe(8)
    stop()
    clock.advance(20)
    expect(woken).toBe(9)
    stopOther()
    expect([watching.size, clock.waiting]).toEqual([0, 0])
    watchers.add(wake)
    notice()
    expect(woken).toBe(10)
    watchers.close()
    expect([woken, watching.size, clock.waiting]).toEqual([11, 0, 0])
  })

  it('of a writer are woken by it alone', () => {
    const { disk, watching } = watchedDisk()
    const clock = fakeClock()
    const watchers = new Watchers(disk, clock, { poll: false })
    let woken = 0
    const stop = watchers.add(() => {
      woken++
    })
    expect([watching.size, clock.waiting]).toEqual([0, 0])
    watchers.wake()
    stop()
    watchers.wake()
    expect(woken).toBe(1)
  })
})
