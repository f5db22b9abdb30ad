// C4.8

import { describe, expect, it } from 'vitest'
import { memoryJournal } from '../testing/memory-journal.ts'

describe('leases', () => {
  it('belong to one owner until released or past their time, with a rising token', async () => {
    const { journal, clock } = memoryJournal()
    const first = await journal.leases.acquire('run/1', { owner: 'a', ttl: '10s' })
    expect(first).toMatchObject({ lease: 'run/1', owner: 'a', token: 1, until: clock.now() + 10_000 })
    const taking = journal.leases.acquire('run/1', { owner: 'b', ttl: 1 })
    await expect(taking).rejects.toMatchObject({ code: 'LEASE_HELD', details: { owner: 'a' } })
    clock.advance(5_000)
    await first.renew()
    expect(first.until).toBe(clock.now() + 10_000)
    await first.renew('1m')
    expect(await journal.leases.get('run/1')).toMatchObject({ owner: 'a', token: 1, until: first.until, held: true })
    clock.advance(60_000)
    // Nobody took it: what its owner appends can't overwrite anything.
    await journal.append('a', { type: 'done' }, { fence: first })
    const second = await journal.leases.acquire('run/1', { owner: 'b', ttl: '1s' })
    expect(second.token).toBe(2)
    await expect(first.renew()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await expect(journal.append('a', { type: 'late' }, { fence: first })).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await expect(first.release()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    // Disposing gives back what is still held, and nothing else.
    await first[Symbol.asyncDispose]()
    await second[Symbol.asyncDispose]()
    await second.release()
    expect(await journal.leases.get('run/1')).toBeUndefined()
    expect((await journal.leases.acquire('run/1', { owner: 'c', ttl: 1 })).token).toBe(3)
    expect(await journal.leases.get('other')).toBeUndefined()
  })

  it('refuse wrong terms', async () => {
    const { journal } = memoryJournal()
    for (const call of [
      () => journal.leases.acquire('', { owner: 'a', ttl: 1 }),
      () => journal.leases.acquire('l', { owner: '', ttl: 1 }),
      () => journal.leases.acquire('l', { owner: 'a', ttl: 'x' }),
      () => journal.leases.get(''),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('tell other failures at disposal', async () => {
    const { journal, store } = memoryJournal()
    const lease = await journal.leases.acquire('l', { owner: 'a', ttl: 1 })
    store.append = () => Promise.reject(new Error('disk'))
    await expect(lease[Symbol.asyncDispose]()).rejects.toThrow('disk')
  })
})
