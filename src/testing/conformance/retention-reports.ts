// Retention reports: a dry run tells the truth and does nothing, and doing it again does nothing more.

import { deepEqual, equal } from 'node:assert/strict'
import type { RetentionReport, RetentionRule } from '../../stores/store.ts'
import { batch, change, command, dropAll, event, places, put, putMany, retain } from './batches.ts'
import { type CaseDefinition, caseGroup, sceneStartMs } from './scene.ts'

const start = sceneStartMs

function exact({ events: count, streams, commands, heldBy }: RetentionReport): unknown {
  return { count, streams, commands, heldBy: heldBy.toSorted() }
}

const mixed: readonly (readonly [what: string, rule: RetentionRule])[] = [
  ['age', { before: start + 100 }],
  ['size', { bytesMax: 1 }],
  [
    'streams',
    {
      streams: [
        { stream: 'a', before: 2 },
        { stream: 'b', before: 'all' },
      ],
    },
  ],
  ['releases', { released: true }],
  ['command ids', { commandsBefore: start + 50 }],
  [
    'all of them',
    {
      before: start + 100,
      bytesMax: 1,
      streams: [{ stream: 'b', before: 'all' }],
      released: true,
      commandsBefore: start + 50,
    },
  ],
]

export const retentionReports: readonly CaseDefinition[] = caseGroup('retention reports', (test) => {
  for (const [what, rule] of mixed) {
    test(
      `by ${what}: a dry run says what the real run does, and does nothing`,
      async ({ store, clock }) => {
        await store.append(batch([event('a'), event('b')], { command: command('c1') }))
        clock.advance(100)
        await store.append(batch([event('a'), event('c')], { command: command('c2') }))
        await change(store, { releases: [{ stream: 'a' }], pins: [{ pin: 'p', stream: 'a', from: 2 }] })
        const before = { places: await places(store), head: store.head(), stats: await store.stats() }
        const dry = await store.retain(rule, { dryRun: true })
        equal(dry.dryRun, true)
        deepEqual({ places: await places(store), head: store.head(), stats: await store.stats() }, before)
        const real = await retain(store, rule)
        equal(real.dryRun, false)
        deepEqual(exact(real), exact(dry))
        equal((await places(store)).length, before.places.length - real.events)
      },
      { row: 'C3.11' },
    )

    test(`by ${what}: doing it again removes nothing more`, async ({ store, clock }) => {
      await store.append(batch([event('a'), event('b')], { command: command('c1') }))
      clock.advance(100)
      await put(store, 'a', 'c')
      await change(store, { releases: [{ stream: 'a' }] })
      await retain(store, rule)
      const left = await places(store)
      const again = await retain(store, rule)
      deepEqual([again.events, again.commands], [0, 0])
      deepEqual(await places(store), left)
    })
  }

  test('the report counts each event once, whatever rules name it', async ({ store, clock }) => {
    await putMany(store, 'a', 4)
    await change(store, { releases: [{ stream: 'a' }] })
    clock.advance(10)
    const rule = { before: start + 10, released: true, streams: [{ stream: 'a', before: 'all' as const }] }
    equal((await retain(store, rule)).events, 4)
  })

  test('statistics follow', async ({ store }) => {
    await putMany(store, 'a', 5)
    await putMany(store, 'b', 5)
    await dropAll(store, 'a')
    equal((await store.stats()).events, 5)
    equal((await store.verify({})).events, 5)
  })
})
