// Wake-ups: a watcher hears of news, may hear twice, and never needs to hear in order to read right.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { batch, change, dropAll, event, events, everything, put, putMany, range } from './batches.ts'
import { rejectsWith, settled, watching } from './check.ts'
import { type CaseDefinition, caseGroup } from './scene.ts'

export const watches: readonly CaseDefinition[] = caseGroup('watch', (test) => {
  test('an append wakes', async ({ store }) => {
    const wakes = watching(store)
    const next = wakes.next()
    await put(store, 'a')
    await next
    ok(wakes.count() >= 1)
    wakes.stop()
  })

  test('when woken, the durable position has risen', async ({ store }) => {
    const seen: number[] = []
    const wakes = watching(store)
    const next = wakes.next().then(() => seen.push(store.head().position))
    await put(store, 'a')
    await next
    deepEqual(seen, [1])
    wakes.stop()
  })

  test('all watchers are woken', async ({ store }) => {
    const all = range(1, 5).map(() => watching(store))
    const next = Promise.all(all.map((wakes) => wakes.next()))
    await put(store, 'a')
    await next
    for (const wakes of all) wakes.stop()
  })

  test('one that stopped is not called again', async ({ store }) => {
    const stopped = watching(store)
    const going = watching(store)
    stopped.stop()
    const next = going.next()
    await put(store, 'a')
    await next
    await settled()
    equal(stopped.count(), 0)
    going.stop()
  })

  test('stopping twice is as stopping once, and stops nobody else', async ({ store }) => {
    const first = watching(store)
    const second = watching(store)
    first.stop()
    first.stop()
    const next = second.next()
    await put(store, 'a')
    await next
    second.stop()
  })

  test('one function that watches twice can stop once', async ({ store }) => {
    let count = 0
    const wake = () => {
      count++
    }
    const stops = [store.watch(wake), store.watch(wake)]
    stops[0]?.()
    const other = watching(store)
    const next = other.next()
    await put(store, 'a')
    await next
    await settled()
    ok(count >= 1)
    stops[1]?.()
    other.stop()
  })

  test('a watcher may stop itself, or watch anew, when it is called', async ({ store }) => {
    let count = 0
    const stop = store.watch(() => {
      count++
      stop()
    })
    const going = watching(store)
    for (let round = 0; round < 3; round++) {
      const next = going.next()
      await put(store, 'a')
      await next
      await settled()
    }
    equal(count, 1)
    going.stop()
  })

  test('a refused append wakes nobody', async ({ store }) => {
    await put(store, 'a')
    await settled()
    const wakes = watching(store)
    await rejectsWith('SEQ_CONFLICT', store.append(batch([event('a')], { expect: new Map([['a', 0]]) })))
    await settled()
    equal(wakes.count(), 0)
    wakes.stop()
  })

  test('flushed eventual appends wake', async ({ store }) => {
    const wakes = watching(store)
    const next = wakes.next()
    await store.append(batch([event('a')], { durability: 'eventual' }))
    await store.flush()
    await next
    wakes.stop()
  })

  test('retention wakes', async ({ store }) => {
    await putMany(store, 'a', 3)
    await settled()
    const wakes = watching(store)
    const next = wakes.next()
    await dropAll(store, 'a')
    await next
    wakes.stop()
  })

  test('closing wakes', async ({ store }) => {
    await put(store, 'a')
    await settled()
    const wakes = watching(store)
    await store.close()
    await settled()
    ok(wakes.count() >= 1)
  })

  test(
    'a follower that reads after each wake-up misses nothing',
    async ({ store }) => {
      const seen: number[] = []
      const wakes = watching(store)
      const follow = async (): Promise<void> => {
        while (seen.length < 60) {
          const next = wakes.next()
          const news = await events(store, everything, { from: (seen.at(-1) ?? 0) + 1 })
          seen.push(...news.map(({ position }) => position))
          if (seen.length < 60 && news.length === 0) await next
        }
      }
      const following = follow()
      for (const n of range(1, 20)) {
        await putMany(store, n % 2 === 0 ? 'a' : 'b', 3)
        if (n % 7 === 0) await change(store, { agenda: [{ id: 'x', due: n }] })
      }
      await following
      deepEqual(seen, range(1, 60))
      wakes.stop()
    },
    { row: 'C5.4' },
  )

  test(
    'a reader that never watches sees the same',
    async ({ store }) => {
      const seen: number[] = []
      for (const n of range(1, 10)) {
        await put(store, 'a', 'b')
        const news = await events(store, everything, { from: (seen.at(-1) ?? 0) + 1 })
        seen.push(...news.map(({ position }) => position))
        equal(seen.length, n * 2)
      }
      await store.refresh()
      deepEqual(seen, range(1, 20))
    },
    { row: 'C5.4' },
  )
})
