import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { abandonCopy, copyJournal } from '../../src/copy.ts'
import { encodeCursor } from '../../src/core/cursor.ts'
import { cursorAtEnd, eventAt } from '../../src/journal/place.ts'
import { createJournal, type Journal } from '../../src/journal.ts'
import type { Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { append, codeOf, digestOf, event, exportOf, fill, recordLines, seen, trim } from '../transfer/scene.ts'
import { type End, type EndKind, endPairs } from './ends.ts'
import { segmentBytes } from './segment-size.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

interface Scene {
  readonly clock: ReturnType<typeof fakeClock>
  readonly from: End
  readonly to: End
  readonly before: unknown
  readonly lines: readonly string[]
  readonly identity: ReturnType<Store['identity']>
  /** Behind position 5, and behind the last. */
  readonly cursors: readonly [early: string, late: string]
  readonly head: number
}

async function scene([source, target]: readonly [EndKind, EndKind]): Promise<Scene> {
  const clock = fakeClock()
  const from = source.make({ root, name: 'from', clock, seed: 1 })
  const to = target.make({ root, name: 'to', clock, seed: 2 })
  const store = await from.open()
  await fill(store, clock)
  const early = await cursorBehind(store, 5)
  await trim(store, clock)
  const told = {
    before: await seen(store),
    lines: recordLines(await exportOf(store)),
    identity: store.identity(),
    cursors: [early, await cursorAtEnd(store)] as const,
    head: store.head().position,
  }
  await from.close(store)
  return { clock, from, to, ...told }
}

async function cursorBehind(store: Store, position: number): Promise<string> {
  const event = await eventAt(store, position)
  return encodeCursor({ epoch: store.identity().epoch, position, sum: event?.sum ?? '' })
}

function options(clock: Scene['clock']) {
  return { clock, random: seededRandom(9), segmentBytes }
}

/** What a subscriber with this cursor is given until it has the newest event. */
async function follow(store: Store, cursor: string): Promise<readonly (number | string)[]> {
  const journal: Journal = createJournal(store)
  const given: (number | string)[] = []
  const { position } = await journal.head()
  const stop = new AbortController()
  for await (const item of journal.subscribe({ after: cursor, signal: stop.signal })) {
    given.push('notice' in item ? item.notice : item.position)
    if (!('notice' in item) && item.position === position) stop.abort()
  }
  return given
}

describe.each(endPairs)('a journal that moves from %s to %s', (_from, _to, pair) => {
  it('is there with all that it held, and is for reading alone where it was', async () => {
    const { clock, from, to, before, lines, identity, head } = await scene(pair)
    const report = await copyJournal(from.at, to.at, options(clock))
    expect(report).toMatchObject({ outcome: 'moved', journal: identity.journalId, epoch: identity.epoch, resumedAt: 0 })
    const counts = Object.fromEntries(report.compared?.rows.map(({ kind, count }) => [kind, count]) ?? [])
    expect(counts).toMatchObject({ event: 8, blob: 2, command: 2, agenda: 1, lease: 2, pin: 2, released: 1, forget: 1 })
    expect(report.compared).toMatchObject({ last: head })

    const moved = await to.open()
    expect(await seen(moved)).toEqual(before)
    expect(recordLines(await exportOf(moved))).toEqual(lines)
    expect(moved.identity()).toMatchObject({ journalId: identity.journalId, epoch: identity.epoch })
    expect((await moved.verify({})).findings).toEqual([])
    await to.close(moved)

    const old = await from.open({ readOnly: true })
    expect(await old.relocation()).toMatchObject({ state: 'moved', to: report.to })
    expect(await seen(old)).toEqual(before)
    await from.close(old)
    await expect(from.open().then((store) => append(store, [event('a')]))).rejects.toMatchObject({ code: 'MOVED' })
  })

  it('goes on there: numbers, command ids, agenda, leases and cursors', async () => {
    const { clock, from, to, cursors, head } = await scene(pair)
    await copyJournal(from.at, to.at, options(clock))
    const moved = await to.open()
    expect(await append(moved, [event('gone', 4), event('new')])).toMatchObject({
      events: [
        { stream: 'gone', seq: 4, position: head + 1 },
        { stream: 'new', seq: 1, position: head + 2 },
      ],
    })
    const repeated = await append(moved, [event('a')], { command: { id: 'order-17', digest: digestOf('b') } })
    expect(repeated).toMatchObject({ duplicate: true, events: [{ stream: 'front', seq: 3 }, {}, {}] })
    expect(await moved.agenda({ dueBy: 5_000 })).toEqual([{ id: 'wake', due: 5_000, data: '{"n":[1]}' }])
    await append(moved, [], { leases: [{ lease: 'l', op: 'renew', token: 1, ttlMs: 9 }] })
    const taken = await append(moved, [], { leases: [{ lease: 'free', op: 'acquire', owner: 'q', ttlMs: 9 }] })
    expect(taken.leases).toMatchObject([{ lease: 'free', token: 2 }])
    expect(await follow(moved, cursors[1])).toEqual([head + 1, head + 2])
    expect((await follow(moved, cursors[0])).filter((item) => item === 'reset')).toEqual([])
    await to.close(moved)
  })

  it('is told to be done when the command is repeated, and has nothing to abandon', async () => {
    const { clock, from, to } = await scene(pair)
    await copyJournal(from.at, to.at, options(clock))
    const moved = await to.open()
    const { position } = await append(moved, [event('a', 'later')])
    await to.close(moved)
    expect(await copyJournal(from.at, to.at, options(clock))).toMatchObject({ outcome: 'moved', compared: undefined })
    expect(await codeOf(abandonCopy(from.at, to.at))).toBe('MOVED')
    const again = await to.open()
    expect(again.head().position).toBe(position)
    await to.close(again)
  })

  it('may be empty', async () => {
    const clock = fakeClock()
    const from = pair[0].make({ root, name: 'from', clock, seed: 1 })
    const to = pair[1].make({ root, name: 'to', clock, seed: 2 })
    await from.close(await from.open())
    await copyJournal(from.at, to.at, options(clock))
    const moved = await to.open()
    expect(await append(moved, [event('a')])).toMatchObject({ position: 1, seq: 1 })
    await to.close(moved)
  })
})

describe.each(endPairs)('a fork from %s to %s', (_from, _to, pair) => {
  it('has the history and an epoch of its own, and leaves to the source what is under way', async () => {
    const { clock, from, to, identity, head, lines } = await scene(pair)
    const report = await copyJournal(from.at, to.at, { ...options(clock), fork: true })
    expect(report).toMatchObject({ outcome: 'forked', journal: identity.journalId, left: { agenda: 1, leases: 1 } })
    expect(report.epoch).not.toBe(identity.epoch)
    const forked = await to.open()
    expect(forked.identity()).toMatchObject({
      epoch: report.epoch,
      ancestors: [{ epoch: identity.epoch, through: head }],
    })
    expect(recordLines(await exportOf(forked)).filter((line) => line.includes('"position":')).length).toBeGreaterThan(8)
    expect(await forked.agenda({})).toEqual([])
    expect(await codeOf(append(forked, [event('a')], { fences: [{ lease: 'l', token: 1 }] }))).toBe('LEASE_LOST')
    const taken = await append(forked, [], { leases: [{ lease: 'l', op: 'acquire', owner: 'fork', ttlMs: 9 }] })
    expect(taken.leases).toMatchObject([{ token: 2 }])
    expect((await forked.verify({})).findings).toEqual([])
    await to.close(forked)

    const source = await from.open()
    expect(recordLines(await exportOf(source))).toEqual(lines)
    await append(source, [event('a', 'goes on')], { fences: [{ lease: 'l', token: 1 }] })
    await from.close(source)
  })

  it('honours cursors up to the fork, and none from behind it', async () => {
    const { clock, from, to, cursors, head } = await scene(pair)
    await copyJournal(from.at, to.at, { ...options(clock), fork: true })
    const source = await from.open()
    await append(source, [event('a', 'only in the source')])
    const behind = await cursorAtEnd(source)
    await from.close(source)
    const forked = await to.open()
    await append(forked, [event('a', 'only in the fork')])
    expect((await follow(forked, cursors[0])).filter((item) => item === 'reset')).toEqual([])
    expect(await follow(forked, cursors[1])).toEqual([head + 1])
    expect((await follow(forked, behind))[0]).toBe('reset')
    const forged = cursors[1].replace(/-[0-9a-f]{8}$/, '-0000000f')
    expect((await follow(forked, forged))[0]).toBe('reset')
    await to.close(forked)
  })

  it('of a fork honours the cursors of both, each up to where it was left, and keeps that when it moves', async () => {
    const { clock, from, to, cursors, head } = await scene(pair)
    await copyJournal(from.at, to.at, { ...options(clock), fork: true })
    const first = await to.open()
    await append(first, [event('b', 'first fork')])
    const ofFirst = await cursorAtEnd(first)
    await to.close(first)
    const second = pair[0].make({ root, name: 'second', clock, seed: 5 })
    await copyJournal(to.at, second.at, { ...options(clock), random: seededRandom(10), fork: true })
    const third = pair[1].make({ root, name: 'third', clock, seed: 6 })
    await copyJournal(second.at, third.at, options(clock))
    const last = await third.open()
    expect(last.identity().ancestors).toMatchObject([{ through: head }, { through: head + 1 }])
    await append(last, [event('b', 'second fork')])
    expect(await follow(last, cursors[1])).toEqual([head + 1, head + 2])
    expect(await follow(last, ofFirst)).toEqual([head + 2])
    await third.close(last)
  })
})
