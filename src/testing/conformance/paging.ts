// Pages: bounded memory, nothing lost or doubled between two of them, whatever happens while one is held.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { limits } from '../../limits.ts'
import type { ReadItem, Store } from '../../stores/store.ts'
import {
  batch,
  change,
  dropAll,
  event,
  events,
  everything,
  gather,
  numbered,
  only,
  put,
  putMany,
  query,
  range,
  under,
} from './batches.ts'
import { type CaseDefinition, caseGroup } from './scene.ts'

const many = limits.pageEventsMax * 2 + 300

async function fillMany(store: Store): Promise<void> {
  await store.append(batch(numbered('a', many)))
}

function firstSeqs(page: readonly ReadItem[]): readonly number[] {
  return page.map((item) => ('seq' in item ? item.seq : -1))
}

export const paging: readonly CaseDefinition[] = caseGroup('pages', (test) => {
  for (const direction of ['forward', 'backward'] as const) {
    test(`${direction}: no page is larger than allowed, and none is empty`, async ({ store }) => {
      await fillMany(store)
      let count = 0
      for await (const page of store.read(query(everything, { direction }))) {
        ok(page.length > 0 && page.length <= limits.pageEventsMax)
        count += page.length
      }
      equal(count, many)
    })

    test(`${direction}: every event once, across pages`, async ({ store }) => {
      await fillMany(store)
      const want = direction === 'forward' ? range(1, many) : range(1, many).toReversed()
      for (const select of [everything, only('a'), under('a')]) {
        deepEqual(
          (await events(store, select, { direction })).map(({ seq }) => seq),
          want,
        )
      }
    })

    test(`${direction}: a limit around the size of a page`, async ({ store }) => {
      await fillMany(store)
      for (const limit of [-1, 0, 1].map((extra) => limits.pageEventsMax + extra)) {
        equal((await events(store, everything, { direction, limit })).length, limit)
      }
    })

    test(`${direction}: a rare type many pages apart`, async ({ store }) => {
      const made = range(1, many).map((n) => event('a', { type: n % 1_000 === 1 ? 'rare' : 'common' }))
      await store.append(batch(made))
      const rare = await events(store, everything, { direction, types: new Set(['rare']) })
      const want = [1, 1_001, 2_001]
      deepEqual(
        rare.map(({ seq }) => seq),
        direction === 'forward' ? want : want.toReversed(),
      )
    })
  }

  test('pages of large events are bounded in bytes', async ({ store }) => {
    const data = `"${'x'.repeat(40_000)}"`
    await store.append(batch(range(1, 30).map(() => event('a', { data }))))
    let pages = 0
    for await (const page of store.read(query(everything, { withText: true }))) {
      const bytes = page.reduce((sum, item) => sum + ('text' in item ? (item.text?.length ?? 0) : 0), 0)
      ok(bytes <= 2 * limits.pageBytes + 50_000, `a page of ${bytes} bytes`)
      pages++
    }
    ok(pages > 1)
  })

  test('an event larger than a page is a page', async ({ store }) => {
    const large = event('a', { data: `"${'x'.repeat(limits.pageBytes * 2)}"` })
    await store.append(batch([event('a'), large, event('a'), large]))
    for (const direction of ['forward', 'backward'] as const) {
      equal((await events(store, everything, { direction })).length, 4)
    }
  })

  test('a read sees what was durable when it was called', async ({ store }) => {
    await putMany(store, 'a', 3)
    const pages = store.read(query(everything))
    await putMany(store, 'a', 3)
    const found = (await gather(pages)).length
    ok(found >= 3 && found <= 6)
  })

  test('appends while a read is under way neither disturb nor double', async ({ store }) => {
    await fillMany(store)
    const seen: number[] = []
    for await (const page of store.read(query(everything))) {
      seen.push(...firstSeqs(page))
      await putMany(store, 'b', 1)
      await putMany(store, 'a', 1)
    }
    const ofA = seen.filter((_, index) => index < many)
    deepEqual(ofA, range(1, many))
  })

  test('backward, appends while reading are not seen before where it began', async ({ store }) => {
    await fillMany(store)
    const seen: number[] = []
    for await (const page of store.read(query(only('a'), { direction: 'backward' }))) {
      seen.push(...firstSeqs(page))
      await putMany(store, 'a', 1)
    }
    deepEqual(seen.slice(-many), range(1, many).toReversed())
    ok(seen.every((seq, index) => index === 0 || seq === (seen[index - 1] ?? 0) - 1))
  })

  test('retention while a read is under way: what is given is right, and in order', async ({ store }) => {
    await fillMany(store)
    const seen: number[] = []
    let isFirst = true
    for await (const page of store.read(query(everything))) {
      seen.push(...firstSeqs(page))
      if (isFirst) await store.retain({ streams: [{ stream: 'a', before: many - 5 }] }, { dryRun: false })
      isFirst = false
    }
    ok(seen.every((seq, index) => index === 0 || seq > (seen[index - 1] ?? 0)))
    deepEqual(seen.slice(-6), range(many - 5, many))
  })

  test('a reader that stops early does no harm', async ({ store }) => {
    await fillMany(store)
    for await (const page of store.read(query(everything))) {
      ok(page.length > 0)
      break
    }
    await put(store, 'a')
    equal((await events(store)).length, many + 1)
  })

  test('a read that is never begun does no harm', async ({ store }) => {
    await put(store, 'a')
    store.read(query(everything))
    await put(store, 'a')
    equal((await events(store)).length, 2)
  })

  test('two reads at once do not disturb each other', async ({ store }) => {
    await fillMany(store)
    const forward = store.read(query(everything))[Symbol.asyncIterator]()
    const backward = store.read(query(everything, { direction: 'backward' }))[Symbol.asyncIterator]()
    const seen: { up: number[]; down: number[] } = { up: [], down: [] }
    for (;;) {
      const [up, down] = [await forward.next(), await backward.next()]
      if (up.done !== true) seen.up.push(...firstSeqs(up.value))
      if (down.done !== true) seen.down.push(...firstSeqs(down.value))
      if (up.done === true && down.done === true) break
    }
    deepEqual(seen.up, range(1, many))
    deepEqual(seen.down, range(1, many).toReversed())
  })

  test('twenty reads at once all get everything', async ({ store }) => {
    await putMany(store, 'a', 200)
    const reads = await Promise.all(range(1, 20).map(() => events(store, only('a'))))
    for (const read of reads) equal(read.length, 200)
  })

  test('a read goes on over control records and removed streams', async ({ store }) => {
    for (const n of range(1, 20)) {
      await put(store, 'a', 'b')
      await change(store, { agenda: [{ id: `${n}`, due: n }] })
    }
    await dropAll(store, 'b')
    equal((await events(store)).length, 20)
  })
})
