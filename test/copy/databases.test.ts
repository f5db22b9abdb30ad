// What is particular to databases as ends of a copy: several processes write to the source, the target goes on from what
// its transactions kept, and who is at a target is known to all.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { abandonCopy, type CopyOptions, copyJournal } from '../../src/copy.ts'
import { open } from '../../src/open.ts'
import type { Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { append, codeOf, event, fill, readAll, seen, trim } from '../transfer/scene.ts'
import { type End, type EndKind, endKinds } from './ends.ts'
import { segmentBytes } from './segment-size.ts'

const databases = endKinds.filter(({ name }) => name === 'SQLite' || name === 'PostgreSQL')
const pairs = databases.flatMap((from) =>
  endKinds.filter(({ lasts }) => lasts).map((to) => [from.name, to.name, from, to] as const),
)
const [directory] = endKinds.filter(({ name }) => name === 'file')

let root: string
let clock: ReturnType<typeof fakeClock>
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
  clock = fakeClock()
})
afterEach(() => rm(root, { recursive: true, force: true }))

function endOf(kind: EndKind | undefined, name: string, seed = 1): End {
  if (kind === undefined) throw new Error('there is no such kind')
  return kind.make({ root, name, clock, seed })
}

async function used<T>(end: End, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await end.open()
  try {
    return await use(store)
  } finally {
    await end.close(store)
  }
}

/** With removed ranges among its last events too, blobs of both kinds, and enough events for several transactions. */
async function grown(end: End): Promise<unknown> {
  return used(end, async (store) => {
    await fill(store, clock)
    for (let done = 0; done < 3_000; done += 300) {
      const blob = await store.stageBlob(Buffer.alloc(300_000, `${done}`))
      const events = Array.from({ length: 300 }, (_, index) => event(`many/${index % 7}`, { done, index }))
      await append(store, [...events, event('blobs', done, [blob.digest])])
    }
    await trim(store, clock)
    await append(store, [event('last', 1), event('behind', 1), event('last', 2)])
    await store.retain({ streams: [{ stream: 'last', before: 'all' }] }, { dryRun: false })
    return seen(store)
  })
}

function stopped(at: number | 'comparing'): Pick<CopyOptions, 'signal' | 'progress'> {
  const stop = new AbortController()
  return {
    signal: stop.signal,
    progress: ({ stage, events }) => {
      if (at === 'comparing' ? stage === 'verify' : events >= at) stop.abort()
    },
  }
}

describe.each(databases.map((kind) => [kind.name, kind] as const))('an unfinished copy in %s', (_name, kind) => {
  it.each([1_500, 'comparing'] as const)('goes on where it was, stopped at %s', async (at) => {
    const [from, to] = [endOf(directory, 'from'), endOf(kind, 'to')]
    const before = await grown(from)
    expect(await codeOf(copyJournal(from.at, to.at, { clock, ...stopped(at) }))).toBe('ABORTED')
    expect(await codeOf(open(to.at as string))).toBe('COPY_UNFINISHED')
    expect(await codeOf(open(to.at as string, { readOnly: true }))).toBe('COPY_UNFINISHED')
    expect(await codeOf(copyJournal(to.at, endOf(kind, 'third').at))).toBe('COPY_UNFINISHED')
    const { resumedAt } = await copyJournal(from.at, to.at, { clock })
    expect(resumedAt).toBeGreaterThan(at === 'comparing' ? 2_000 : 900)
    // All of it is durable: who only reads sees it before anybody has opened it for writing.
    const reader = await to.open({ readOnly: true })
    expect(await seen(reader)).toEqual(before)
    await to.close(reader)
    await used(to, async (store) => {
      expect(await seen(store)).toEqual(before)
      expect((await store.verify({})).findings).toEqual([])
    })
    expect((await readdir(root)).filter((name) => name.endsWith('-copying'))).toEqual([])
  })

  it('takes what the source gained and forgets what it lost in between', async () => {
    const [from, to] = [endOf(directory, 'from'), endOf(kind, 'to')]
    await grown(from)
    expect(await codeOf(copyJournal(from.at, to.at, { clock, ...stopped('comparing') }))).toBe('ABORTED')
    const before = await used(from, async (store) => {
      await append(store, [event('many/1', 'more'), event('last', 3)])
      await store.retain({ streams: [{ stream: 'many/2', before: 'all' }] }, { dryRun: false })
      await append(store, [], { agenda: [{ id: 'wake', due: 77 }] })
      return seen(store)
    })
    await copyJournal(from.at, to.at, { clock })
    expect(await used(to, seen)).toEqual(before)
  })

  it('can be abandoned; the place is free then', async () => {
    const [from, to] = [endOf(directory, 'from'), endOf(kind, 'to')]
    await grown(from)
    expect(await codeOf(copyJournal(from.at, to.at, { clock, ...stopped(1_500) }))).toBe('ABORTED')
    expect(await abandonCopy(from.at, to.at)).toMatchObject({ removed: true })
    expect(await codeOf(open(to.at as string, { create: 'never' }))).toBe('JOURNAL_MISSING')
    expect(await copyJournal(from.at, to.at, { clock })).toMatchObject({ resumedAt: 0 })
  })

  it('has one process at it at a time', async () => {
    const [from, to] = [endOf(directory, 'from'), endOf(kind, 'to')]
    await grown(from)
    let second: Promise<unknown> | undefined
    let third: Promise<unknown> | undefined
    const progress = (): void => {
      second ??= codeOf(copyJournal(from.at, to.at, { fork: true, clock }))
      third ??= codeOf(abandonCopy(from.at, to.at))
    }
    await copyJournal(from.at, to.at, { fork: true, clock, progress })
    expect([await second, await third]).toEqual(['LOCKED', 'LOCKED'])
  })

  it('overwrites no journal, be it an empty one', async () => {
    const [from, to] = [endOf(directory, 'from'), endOf(kind, 'to')]
    await used(from, (store) => append(store, [event('a')]))
    await used(to, async () => undefined)
    expect(await codeOf(copyJournal(from.at, to.at, { clock }))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(abandonCopy(from.at, to.at))).toBe('TARGET_NOT_EMPTY')
    await used(from, (store) => append(store, [event('a')]))
  })
})

describe.each(pairs)('a journal in %s that moves to %s while others write', (_from, _to, fromKind, toKind) => {
  it('takes along all that was acknowledged, and nothing is acknowledged afterwards', async () => {
    const [from, to] = [endOf(fromKind, 'from'), endOf(toKind, 'to')]
    await grown(from)
    // As other processes have it: each with its own connections.
    const writers = [await from.open(), await from.open()]
    const outcomes: string[] = []
    let isOver = false
    const writing = writers.map(async (store, index) => {
      for (let count = 0; !isOver || count === 0; count++) {
        const batch = append(store, [event(`late/${index}`, count)], {
          agenda: [{ id: `late/${index}`, due: count + 1 }],
        })
        outcomes.push(String(await codeOf(batch)))
      }
    })
    const report = await copyJournal(from.at, to.at, { clock, segmentBytes })
    isOver = true
    await Promise.all(writing)
    for (const store of writers) {
      expect(await codeOf(append(store, [event('late/0')]))).toBe('MOVED')
      expect(await codeOf(store.stageBlob(Buffer.from('x')))).toBe('MOVED')
      expect(await codeOf(store.retain({ released: true }, { dryRun: false }))).toBe('MOVED')
      expect(await store.relocation()).toMatchObject({ state: 'moved', to: report.to })
    }
    const taken = outcomes.filter((outcome) => outcome === 'no error').length
    expect(new Set(outcomes)).toEqual(new Set(['no error', 'MOVED']))
    const before = await seen(writers[0] as Store)
    for (const store of writers) await from.close(store)
    await used(to, async (store) => {
      expect(await readAll(store, { kind: 'prefix', prefix: 'late/' })).toHaveLength(taken)
      expect(await seen(store)).toEqual(before)
    })
  })

  it('goes to one place, though two copies are begun', async () => {
    const [from, to, other] = [endOf(fromKind, 'from'), endOf(toKind, 'to'), endOf(toKind, 'other')]
    await grown(from)
    const outcomes = await Promise.all([
      codeOf(copyJournal(from.at, to.at, { clock, segmentBytes })),
      codeOf(copyJournal(from.at, other.at, { clock, segmentBytes, random: seededRandom(8) })),
    ])
    expect(outcomes.toSorted()).toEqual(['MOVED', 'no error'])
    const loser = outcomes[0] === 'MOVED' ? to : other
    expect(await codeOf(used(loser, async () => undefined))).toBe('COPY_UNFINISHED')
  })

  it('takes writes again when the copy is stopped or given up', async () => {
    const [from, to] = [endOf(fromKind, 'from'), endOf(toKind, 'to')]
    await grown(from)
    expect(await codeOf(copyJournal(from.at, to.at, { clock, segmentBytes, ...stopped('comparing') }))).toBe('ABORTED')
    await used(from, async (store) => {
      await append(store, [event('a')])
      // As a process leaves it that is killed behind the mark.
      await store.relocate({ state: 'moving', to: String(to.at), copy: await copyAt(to), time: 1 })
      expect(await codeOf(append(store, [event('a')]))).toBe('MOVED')
    })
    expect(await abandonCopy(from.at, to.at)).toMatchObject({ removed: true, freed: true })
    await used(from, (store) => append(store, [event('a')]))
  })
})

/** Id of the unfinished copy there, as it is told to who opens it. */
async function copyAt(end: End): Promise<string> {
  try {
    await end.close(await end.open())
  } catch (error) {
    return (error as { readonly details: { readonly copy: string } }).details.copy
  }
  throw new Error('there is no unfinished copy')
}
