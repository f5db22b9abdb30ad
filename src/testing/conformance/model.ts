// What a read must give, computed the plainest way: a list of events, filtered, turned, cut. The suite fills a store and
// the model with the same events and compares them over many queries. Same seed, same journal, same queries.

import { deepEqual } from 'node:assert/strict'
import type { RawEvent, ReadQuery, Selector, Store } from '../../stores/store.ts'
import { type Prng, prng } from '../prng.ts'
import { batch, event, events, everything, isRemoved, items, only, under } from './batches.ts'

export interface ModelEvent {
  readonly position: number
  readonly stream: string
  readonly seq: number
  readonly type: string
}

export interface Model {
  readonly retained: readonly ModelEvent[]
  readonly removed: readonly ModelEvent[]
}

/** Names of which some begin with others. */
export const modelStreams: readonly string[] = ['a', 'a/1', 'a/2', 'a/20', 'ab', 'b', 'ä', '\u{1F600}']
const modelTypes: readonly string[] = ['made', 'changed', 'dropped', 'made.again']

export const modelSelectors: readonly (readonly [what: string, select: Selector])[] = [
  ['all', everything],
  ['prefix a', under('a')],
  ['prefix a/', under('a/')],
  ['prefix of nothing', under('zz')],
  ['stream a', only('a')],
  ['stream b', only('b')],
]

export async function fill(store: Store, seed: number, eventCount = 60): Promise<Model> {
  const chance = prng(seed)
  const retained: ModelEvent[] = []
  while (retained.length < eventCount) {
    const size = Math.min(1 + chance.below(8), eventCount - retained.length)
    const made = Array.from({ length: size }, () => {
      // Half of all events go to two streams, so that these have many.
      const streams = chance.chance(0.5) ? ['a', 'b'] : modelStreams
      return event(pick(chance, streams), { type: pick(chance, modelTypes) })
    })
    const receipt = await store.append(batch(made))
    for (const [index, { stream, seq, position }] of receipt.events.entries()) {
      retained.push({ stream, seq, position, type: made[index]?.type ?? '' })
    }
  }
  return { retained, removed: [] }
}

/** Removes the first events of some streams from both. */
export async function makeHoles(store: Store, model: Model, seed: number): Promise<Model> {
  const chance = prng(seed)
  const bounds = new Map<string, number>()
  for (const stream of modelStreams) {
    const count = model.retained.filter((one) => one.stream === stream).length
    if (chance.chance(0.6)) bounds.set(stream, 1 + chance.below(count + 2))
  }
  bounds.set('a', 4)
  await store.retain({ streams: [...bounds].map(([stream, before]) => ({ stream, before })) }, { dryRun: false })
  const goes = ({ stream, seq }: ModelEvent) => seq < (bounds.get(stream) ?? 0)
  return {
    retained: model.retained.filter((one) => !goes(one)),
    removed: [...model.removed, ...model.retained.filter(goes)],
  }
}

export function selects(select: Selector, stream: string): boolean {
  if (select.kind === 'all') return true
  return select.kind === 'stream' ? stream === select.stream : stream.startsWith(select.prefix)
}

/** What bounds are counted in: seqs for one stream, positions otherwise. */
export function numberOf(select: Selector, one: { readonly position: number; readonly seq: number }): number {
  return select.kind === 'stream' ? one.seq : one.position
}

export function expected({ retained }: Model, asked: ReadQuery): readonly ModelEvent[] {
  const { select, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, types, limit } = asked
  const matching = retained.filter((one) => {
    const number = numberOf(select, one)
    return selects(select, one.stream) && number >= from && number <= to && (types?.has(one.type) ?? true)
  })
  const turned = asked.direction === 'backward' ? matching.toReversed() : matching
  return limit === undefined ? turned : turned.slice(0, limit)
}

export async function compare(store: Store, model: Model, asked: ReadQuery): Promise<void> {
  const found = (await events(store, asked.select, asked)).map(asModel)
  deepEqual(found, expected(model, asked), `query ${describe(asked)}`)
}

/** Removed ranges are told where they stood, cut to the bounds, touching ones as one or several. A prefix may also be
 * told of what went from other streams, never that something went which is there. */
export async function compareWithRemoved(store: Store, model: Model, asked: ReadQuery): Promise<void> {
  const { select, from = 1, to = Number.POSITIVE_INFINITY } = asked
  const gone = model.removed
    .filter((one) => selects(select, one.stream))
    .map((one) => numberOf(select, one))
    .filter((number) => number >= from && number <= to)
  const kept = expected(model, asked).map((one) => numberOf(select, one))
  const want = [
    ...gone.map((number) => ({ number, text: `removed ${number}` })),
    ...kept.map((number) => ({ number, text: `event ${number}` })),
  ].sort((left, right) => left.number - right.number)
  const found: string[] = []
  const isTold = (number: number): boolean => {
    if (gone.includes(number) || select.kind !== 'prefix') return true
    return !model.removed.some(({ position }) => position === number)
  }
  for (const item of await items(store, select, { ...asked, tellRemoved: true })) {
    if (isRemoved(item)) {
      for (let number = item.removed.from; number <= item.removed.to; number++) {
        if (isTold(number)) found.push(`removed ${number}`)
      }
    } else found.push(`event ${numberOf(select, item)}`)
  }
  deepEqual(
    found,
    want.map(({ text }) => text),
    `query ${describe(asked)}`,
  )
}

export function randomQuery(chance: Prng, span: number): ReadQuery {
  const bound = () => chance.below(span + 10)
  return {
    select: pick(chance, modelSelectors)[1],
    direction: chance.chance(0.5) ? 'forward' : 'backward',
    ...(chance.chance(0.5) ? { from: bound() } : {}),
    ...(chance.chance(0.5) ? { to: bound() } : {}),
    ...(chance.chance(0.5) ? { limit: chance.below(12) } : {}),
    ...(chance.chance(0.4) ? { types: new Set([pick(chance, modelTypes), pick(chance, modelTypes)]) } : {}),
  }
}

function asModel({ position, stream, seq, type }: RawEvent): ModelEvent {
  return { stream, seq, position, type }
}

function pick<T>(chance: Prng, choices: readonly T[]): T {
  return choices[chance.below(choices.length)] as T
}

function describe(asked: ReadQuery): string {
  return JSON.stringify({ ...asked, ...(asked.types === undefined ? {} : { types: [...asked.types] }) })
}
