// All or nothing: a refused batch leaves no trace in anything that it would have changed, whatever refused it.

import { deepEqual, equal } from 'node:assert/strict'
import type { ErrorCode } from '../../errors.ts'
import type { Batch, Store } from '../../stores/store.ts'
import { batch, change, command, dropAll, event, places, put, putMany, retain, sha256 } from './batches.ts'
import { rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

interface Refusal {
  readonly why: string
  readonly code: ErrorCode
  readonly parts: Partial<Batch>
}

const refusals: readonly Refusal[] = [
  { why: 'a wrong expectation', code: 'SEQ_CONFLICT', parts: { expect: new Map([['base', 9]]) } },
  {
    why: 'a lost lease',
    code: 'LEASE_LOST',
    parts: { fences: [{ lease: 'held', token: 99 }] },
  },
  {
    why: 'a lease held by another',
    code: 'LEASE_HELD',
    parts: {
      leases: [
        { lease: 'fresh', op: 'acquire', owner: 'me', ttlMs: 50 },
        { lease: 'held', op: 'acquire', owner: 'me', ttlMs: 50 },
      ],
    },
  },
  {
    why: 'a blob that is not there',
    code: 'BLOB_MISSING',
    parts: { events: [event('s'), event('base', { blobs: [sha256('nowhere')] })] },
  },
]

/** A store in which each of the refusals is one. */
async function prepare(store: Store): Promise<void> {
  await putMany(store, 'base', 2)
  await change(store, {
    leases: [{ lease: 'held', op: 'acquire', owner: 'other', ttlMs: 60_000 }],
    agenda: [{ id: 'kept', due: 10 }],
    pins: [{ pin: 'kept', stream: 'base', from: 2 }],
  })
}

/** Something of every kind that a batch can change. */
function full({ parts }: Refusal): Batch {
  return batch([event('s'), event('base')], {
    command: command('c'),
    agenda: [
      { id: 'new', due: 20 },
      { id: 'kept', due: null },
    ],
    leases: [{ lease: 'fresh', op: 'acquire', owner: 'me', ttlMs: 50 }],
    pins: [
      { pin: 'new', from: 1 },
      { pin: 'kept', from: null },
    ],
    releases: [{ stream: 'base', through: 1 }],
    ...parts,
  })
}

async function refuse(store: Store, refusal: Refusal): Promise<void> {
  await prepare(store)
  await rejectsWith(refusal.code, store.append(full(refusal)))
}

export const atomicity: readonly CaseDefinition[] = caseGroup('atomicity', (test) => {
  for (const refusal of refusals) {
    const { why, code } = refusal
    const title = (what: string) => `${why}: ${what}`

    test(
      title('no event is stored and no number used'),
      async ({ store }) => {
        await refuse(store, refusal)
        deepEqual(await places(store), ['base#1', 'base#2'])
        equal(store.head().appended, 2)
        equal(await store.stream('s'), undefined)
        deepEqual((await put(store, 's')).events, [{ stream: 's', seq: 1, position: 3 }])
      },
      { row: 'C2.1' },
    )

    test(title('the agenda stays as it was'), async ({ store }) => {
      await refuse(store, refusal)
      deepEqual(
        (await store.agenda({})).map(({ id }) => id),
        ['kept'],
      )
    })

    test(title('no lease changes'), async ({ store }) => {
      await refuse(store, refusal)
      equal(await store.lease('fresh'), undefined)
      equal((await store.lease('held'))?.owner, 'other')
    })

    test(title('no pin changes, and nothing is released'), async ({ store }) => {
      await refuse(store, refusal)
      deepEqual(
        (await store.pins()).map(({ pin }) => pin),
        ['kept'],
      )
      equal((await retain(store, { released: true })).events, 0)
    })

    test(
      title('the command id stays free, and the repetition takes effect'),
      async ({ store }) => {
        await refuse(store, refusal)
        equal(await store.command('c'), undefined)
        const receipt = await store.append(batch([event('s')], { command: command('c') }))
        deepEqual([receipt.duplicate, receipt.position], [false, 3])
      },
      { row: 'C2.4' },
    )

    test(
      title(`a reopened store knows nothing of it (${code})`),
      async (scene) => {
        await refuse(scene.store, refusal)
        const store = await reopened(scene)
        deepEqual(await places(store), ['base#1', 'base#2'])
        equal(await store.command('c'), undefined)
        deepEqual(
          (await store.agenda({})).map(({ id }) => id),
          ['kept'],
        )
      },
      { requires: persistent },
    )
  }

  test('a refused batch does not stop those behind it', async ({ store }) => {
    const first = put(store, 'a')
    const refused = rejectsWith('SEQ_CONFLICT', store.append(batch([event('a')], { expect: new Map([['a', 0]]) })))
    const third = put(store, 'a')
    await Promise.all([first, refused, third])
    deepEqual(await places(store), ['a#1', 'a#2'])
  })

  test('all that a batch changes is there at once', async ({ store }) => {
    await store.append(
      batch([event('a'), event('b')], {
        command: command('c'),
        agenda: [{ id: 'x', due: 1 }],
        leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 10 }],
        pins: [{ pin: 'p', from: 1 }],
        releases: [{ stream: 'b' }],
      }),
    )
    deepEqual(await places(store), ['a#1', 'b#1'])
    equal((await store.command('c'))?.position, 2)
    equal((await store.agenda({})).length, 1)
    equal((await store.lease('l'))?.token, 1)
    equal((await store.pins()).length, 1)
    deepEqual((await retain(store, { released: true })).heldBy, ['p'])
  })

  test('a refusal after retention does not bring anything back', async ({ store }) => {
    await putMany(store, 'a', 3)
    await dropAll(store, 'a')
    await rejectsWith('SEQ_CONFLICT', store.append(batch([event('a')], { expect: new Map([['a', 0]]) })))
    deepEqual(await places(store), [])
    equal(store.head().appended, 3)
  })
})
