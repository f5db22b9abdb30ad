// What is known of a stream that isn't there: at once by who writes, and after a lookup by who reads; while the disk is at
// work, and when the log has been opened anew.

import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import { diskOf, filesOf, fillSample, openSample, sampleEvent } from '../../testing/sample-journal.ts'

const added = (stream: string) => ({
  events: [{ ...sampleEvent(1), stream }],
  durability: 'sync' as const,
})

describe('a stream', () => {
  it('that never was is told at once, and one on its way to the disk when it is there', async () => {
    const store = await openSample(memoryDisk())
    const order: string[] = []
    const told = [
      store.append(added('new')).then(() => order.push('durable')),
      store.stream('new').then((head) => order.push(`new ${head?.seq}`)),
      store.stream('never').then((head) => order.push(`never ${head}`)),
    ]
    await Promise.all(told)
    expect(order).toEqual(['never undefined', 'durable', 'new 1'])
    await store.close()
    await expect(store.stream('never')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('that never was is looked up by a reader', async () => {
    const disk = memoryDisk()
    const store = await openSample(disk)
    await store.append(added('new'))
    await store.close()
    const reader = await openSample(disk, { readOnly: true })
    expect(await reader.stream('never')).toBeUndefined()
    expect(await reader.stream('new')).toMatchObject({ seq: 1 })
    await reader.close()
  })

  it('that is new since the last seal is read by who opens what was cut off', async () => {
    const clock = fakeClock()
    const disk = memoryDisk()
    const store = await openSample(disk, { clock })
    await fillSample(store, clock, 1, 60)
    await store.append(added('new'))
    await store.flush()
    const left = await filesOf(disk)
    await store.close()
    const again = await openSample(await diskOf(left))
    const found = await readEvents(again, { select: { kind: 'stream', stream: 'new' }, direction: 'forward' })
    expect(found.map(({ seq }) => seq)).toEqual([1])
    await again.close()
  })
})

describe('an append', () => {
  it('that is refused while a group is on its way is told so when that is durable', async () => {
    const store = await openSample(memoryDisk())
    const order: string[] = []
    const first = store.append(added('s')).then(() => order.push('durable'))
    await Promise.resolve()
    await new Promise<void>((resolve) => {
      process.nextTick(resolve)
    })
    const refused = store
      .append({ ...added('s'), expect: new Map([['s', 0]]) })
      .catch((error: { readonly code: string }) => order.push(error.code))
    await Promise.all([first, refused])
    expect(order).toEqual(['durable', 'SEQ_CONFLICT'])
    await store.close()
  })
})
