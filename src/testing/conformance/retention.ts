// Retention: what each rule removes, that a dry run tells the truth and does nothing, and that no number comes back.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Release, RetentionReport, RetentionRule, Store } from '../../stores/store.ts'
import {
  batch,
  change,
  command,
  dropAll,
  event,
  events,
  places,
  positions,
  put,
  putMany,
  range,
  retain,
  seqs,
} from './batches.ts'
import {
  type CaseDefinition,
  caseGroup,
  crashed,
  crashes,
  persistent,
  reopened,
  sceneStartMs,
  segments,
} from './scene.ts'

const start = sceneStartMs

function release(store: Store, ...releases: readonly Release[]): Promise<unknown> {
  return change(store, { releases })
}

function exact({ events: count, streams, commands, heldBy }: RetentionReport): unknown {
  return { count, streams, commands, heldBy: heldBy.toSorted() }
}

async function fillHundredKilobytes(store: Store): Promise<void> {
  const data = `"${'x'.repeat(1_000)}"`
  for (const _ of range(1, 10)) await store.append(batch(range(1, 10).map(() => event('a', { data }))))
}

const rules: readonly CaseDefinition[] = caseGroup('retention rules', (test) => {
  test('no rule removes nothing', async ({ store }) => {
    await putMany(store, 'a', 3)
    const report = await retain(store, {})
    deepEqual([report.events, report.commands, report.heldBy, report.dryRun], [0, 0, [], false])
    equal((await events(store)).length, 3)
  })

  test(
    'by age: what is older goes, what is of that very time stays',
    async ({ store, clock }) => {
      await put(store, 'a', 'b')
      clock.advance(100)
      await put(store, 'a')
      clock.advance(100)
      await put(store, 'b')
      const report = await retain(store, { before: start + 100 })
      equal(report.events, 2)
      deepEqual(await places(store), ['a#2', 'b#2'])
    },
    { row: 'C4.4' },
  )

  test('by age: a time before everything removes nothing', async ({ store }) => {
    await putMany(store, 'a', 3)
    equal((await retain(store, { before: start })).events, 0)
    equal((await retain(store, { before: 0 })).events, 0)
  })

  test(
    'per stream: what is below the seq goes, in that stream alone',
    async ({ store }) => {
      await put(store, 'a', 'b', 'a', 'b', 'a')
      const report = await retain(store, { streams: [{ stream: 'a', before: 3 }] })
      equal(report.events, 2)
      deepEqual(await places(store), ['b#1', 'b#2', 'a#3'])
    },
    { row: 'C1.5' },
  )

  test(
    'per stream: all of it goes, and its neighbours stay',
    async ({ store }) => {
      await put(store, 'run/1', 'run/10', 'run/1', 'run')
      equal((await dropAll(store, 'run/1')).events, 2)
      deepEqual(await places(store), ['run/10#1', 'run#1'])
    },
    { row: 'C1.5' },
  )

  test('per stream: several at once', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'a', 'b', 'c')
    const report = await retain(store, {
      streams: [
        { stream: 'a', before: 'all' },
        { stream: 'b', before: 2 },
        { stream: 'never', before: 'all' },
      ],
    })
    equal(report.events, 3)
    deepEqual(await places(store), ['c#1', 'b#2', 'c#2'])
  })

  for (const before of [0, 1, -3]) {
    test(`per stream: below ${before} there is nothing to remove`, async ({ store }) => {
      await putMany(store, 'a', 3)
      equal((await retain(store, { streams: [{ stream: 'a', before }] })).events, 0)
    })
  }

  test('per stream: a bound beyond the end removes what there is, not what comes', async ({ store }) => {
    await putMany(store, 'a', 3)
    equal((await retain(store, { streams: [{ stream: 'a', before: 100 }] })).events, 3)
    await put(store, 'a')
    deepEqual(await seqs(store, 'a'), [4])
  })

  test('a stream that never was is not made by removing it', async ({ store }) => {
    await dropAll(store, 'never')
    equal(await store.stream('never'), undefined)
  })

  test('by size: oldest first, no more than needed', async ({ store }) => {
    await fillHundredKilobytes(store)
    const { bytes } = await store.stats()
    const report = await retain(store, { bytesMax: Math.ceil(bytes / 2) })
    const left = await positions(store)
    ok(report.events > 0 && left.length > 0)
    deepEqual(left, range(report.events + 1, 100))
  })

  test('by size: a log that is small enough stays whole', async ({ store }) => {
    await putMany(store, 'a', 10)
    equal((await retain(store, { bytesMax: 1_000_000_000 })).events, 0)
  })

  test(
    'by segments: oldest first, until there are so many',
    async ({ store }) => {
      await fillHundredKilobytes(store)
      const before = (await store.stats()).segments
      ok(before > 3, 'the target makes small segments')
      const report = await retain(store, { segmentsMax: 2 })
      ok(report.events > 0 && report.segments > 0)
      deepEqual(await positions(store), range(report.events + 1, 100))
      ok((await store.stats()).segments < before)
    },
    { row: 'C5.3', requires: segments },
  )

  test('several rules remove the union of what each would', async ({ store, clock }) => {
    await put(store, 'a', 'b', 'c', 'd')
    clock.advance(100)
    await put(store, 'a', 'b', 'c', 'd')
    await release(store, { stream: 'c', through: 2 })
    const report = await retain(store, {
      before: start + 100,
      released: true,
      streams: [{ stream: 'a', before: 'all' }],
    })
    equal(report.events, 6)
    deepEqual(await places(store), ['b#2', 'd#2'])
  })
})

const releasing: readonly CaseDefinition[] = caseGroup('releases', (test) => {
  test('what was released goes, when asked for', async ({ store }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 3 })
    equal((await events(store)).length, 5)
    equal((await retain(store, { released: true })).events, 3)
    deepEqual(await seqs(store, 'a'), [4, 5])
  })

  test('without the rule nothing released goes', async ({ store, clock }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 3 })
    clock.advance(5)
    equal((await retain(store, { released: false, before: start, bytesMax: 1_000_000_000 })).events, 0)
  })

  test(
    "without a seq, it is up to the batch's last event of the stream",
    async ({ store }) => {
      await put(store, 'a', 'a')
      await store.append(batch([event('a'), event('b'), event('a'), event('b')], { releases: [{ stream: 'a' }] }))
      await put(store, 'a')
      await retain(store, { released: true })
      deepEqual(await places(store), ['b#1', 'b#2', 'a#5'])
    },
    { row: 'C2.7' },
  )

  test('without a seq or an event, it is up to where the stream stands', async ({ store }) => {
    await putMany(store, 'a', 3)
    await release(store, { stream: 'a' })
    await put(store, 'a')
    await retain(store, { released: true })
    deepEqual(await seqs(store, 'a'), [4])
  })

  test(
    'what a stream gets after its release stays',
    async ({ store }) => {
      await store.append(batch([event('entity'), event('entity')], { releases: [{ stream: 'entity' }] }))
      await putMany(store, 'entity', 2)
      equal((await retain(store, { released: true })).events, 2)
      equal((await retain(store, { released: true })).events, 0)
      deepEqual(await seqs(store, 'entity'), [3, 4])
    },
    { row: 'C2.7' },
  )

  test('a later release goes further', async ({ store }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 1 })
    await release(store, { stream: 'a', through: 4 })
    equal((await retain(store, { released: true })).events, 4)
  })

  test('releases of several streams', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'a', 'b', 'c')
    await release(store, { stream: 'a', through: 1 }, { stream: 'c', through: 2 })
    equal((await retain(store, { released: true })).events, 3)
    deepEqual(await places(store), ['b#1', 'a#2', 'b#2'])
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `releases are known after ${how}`,
      async (scene) => {
        await putMany(scene.store, 'a', 5)
        await release(scene.store, { stream: 'a', through: 3 })
        const store = await again(scene)
        equal((await retain(store, { released: true })).events, 3)
        deepEqual(await seqs(store, 'a'), [4, 5])
      },
      { row: 'C2.7', requires },
    )
  }
})

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

const dryRuns: readonly CaseDefinition[] = caseGroup('retention reports', (test) => {
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
    await release(store, { stream: 'a' })
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

const numbers: readonly CaseDefinition[] = caseGroup('numbers after retention', (test) => {
  test(
    'positions go on after everything was removed',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      await dropAll(store, 'a')
      const receipt = await put(store, 'b')
      deepEqual([receipt.position, receipt.seq], [6, 1])
    },
    { row: 'C1.5' },
  )

  test(
    'seqs go on after a stream was deleted',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      await dropAll(store, 'a')
      equal((await put(store, 'a')).seq, 6)
      deepEqual(await seqs(store, 'a'), [6])
    },
    { row: 'C1.5' },
  )

  test('numbers go on however often all is removed', async ({ store }) => {
    for (const round of range(1, 5)) {
      const receipt = await putMany(store, 'a', 3)
      deepEqual([receipt.seq, receipt.position], [round * 3, round * 3])
      await dropAll(store, 'a')
    }
    deepEqual(await places(store), [])
  })

  test('what stays keeps its numbers', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'c', 'b')
    const before = (await events(store)).filter(({ stream }) => stream !== 'a')
    await dropAll(store, 'a')
    deepEqual(await events(store), before)
  })

  test('retention while appends go on loses none of them', async ({ store }) => {
    await putMany(store, 'old', 50)
    const appends = range(1, 30).map(() => put(store, 'new', 'old'))
    const retention = dropAll(store, 'old')
    const more = range(1, 30).map(() => put(store, 'new'))
    await Promise.all([...appends, retention, ...more])
    deepEqual(await seqs(store, 'new'), range(1, 60))
    equal((await store.stream('old'))?.seq, 80)
    const left = await seqs(store, 'old')
    deepEqual(left, range(81 - left.length, 80))
    equal(store.head().appended, 140)
  })

  test('retentions at once come to the same as one after the other', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'a', 'b', 'c')
    const reports = await Promise.all([dropAll(store, 'a'), dropAll(store, 'a', 'b'), dropAll(store, 'b')])
    equal(
      reports.reduce((sum, report) => sum + report.events, 0),
      4,
    )
    deepEqual(await places(store), ['c#1', 'c#2'])
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `what was removed stays removed after ${how}, and numbers go on`,
      async (scene) => {
        await put(scene.store, 'a', 'b', 'a', 'b')
        await retain(scene.store, {
          streams: [
            { stream: 'a', before: 'all' },
            { stream: 'b', before: 2 },
          ],
        })
        const store = await again(scene)
        deepEqual(await places(store), ['b#2'])
        deepEqual((await put(store, 'a', 'b')).events, [
          { stream: 'a', seq: 3, position: 5 },
          { stream: 'b', seq: 3, position: 6 },
        ])
      },
      { row: 'C1.5', requires },
    )

    test(
      `an emptied journal stays empty after ${how}, and numbers go on`,
      async (scene) => {
        await putMany(scene.store, 'a', 7)
        await dropAll(scene.store, 'a')
        const store = await again(scene)
        deepEqual(await places(store), [])
        deepEqual([store.head().position, store.head().earliest], [7, 8])
        deepEqual((await put(store, 'a')).events, [{ stream: 'a', seq: 8, position: 8 }])
      },
      { row: 'C1.5', requires },
    )
  }
})

export const retention: readonly CaseDefinition[] = [...rules, ...releasing, ...dryRuns, ...numbers]
