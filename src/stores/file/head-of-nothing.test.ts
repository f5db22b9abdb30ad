// Asking for a stream that never was, while the disk is at work.

import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { openSample, sampleEvent } from '../../testing/sample-journal.ts'

describe('the head of a stream', () => {
  it('that never was is told at once, and that of one on its way to the disk when it is there', async () => {
    const store = await openSample(memoryDisk())
    const order: string[] = []
    const appended = store.append({ events: [{ ...sampleEvent(1), stream: 'new' }], durability: 'sync' })
    const told = [
      appended.then(() => order.push('durable')),
      store.stream('new').then((head) => order.push(`new ${head?.seq}`)),
      store.stream('never').then((head) => order.push(`never ${head}`)),
    ]
    await Promise.all(told)
    expect(order).toEqual(['never undefined', 'durable', 'new 1'])
    await store.close()
    await expect(store.stream('never')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
