// Every file but the log's spoiled in every way that can be enumerated: missing, empty, cut, an older copy, another's content,
// exchanged with a neighbour, a directory in its place. Caches cost time at most; the identity and the fences give a typed
// error or do no harm; and nothing ever gives wrong data.

import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../../src/disks/memory-disk.ts'
import { allEvents, diskOf, type Image, imageOf, makeJournal, type Outcome, openImage, outcomeOf } from './image.ts'

type Spoiling = readonly [name: string, spoil: (image: Map<string, Uint8Array>, path: string) => void]

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

const spoilings: readonly Spoiling[] = [
  ['missing', (image, path) => image.delete(path)],
  ['empty', (image, path) => image.set(path, new Uint8Array())],
  ['cut in half', (image, path) => image.set(path, half(image.get(path)))],
  [
    'grown',
    (image, path) => image.set(path, Buffer.concat([image.get(path) ?? new Uint8Array(), text('x'.repeat(200))])),
  ],
  ['other text', (image, path) => image.set(path, text('not ours at all\n'))],
  ['other JSON', (image, path) => image.set(path, text('{"holdfast":1,"format":1}\n'))],
  ['zeros', (image, path) => image.set(path, new Uint8Array(image.get(path)?.length ?? 0))],
  ['a directory', (image, path) => replaceByDirectory(image, path)],
]

function half(bytes: Uint8Array = new Uint8Array()): Uint8Array {
  return bytes.slice(0, bytes.length >> 1)
}

function replaceByDirectory(image: Map<string, Uint8Array>, path: string): void {
  image.delete(path)
  image.set(`${path}/`, new Uint8Array())
}

function isOther(path: string): boolean {
  return !path.endsWith('/') && !path.startsWith('segments/') && !path.startsWith('set-aside/')
}

function isCache(path: string): boolean {
  return !path.endsWith('/') && (path.startsWith('index/') || path.startsWith('state/'))
}

/** What may come of it, by file. */
function allowed(path: string): ReadonlySet<Outcome> {
  if (path === 'journal.json')
    return new Set(['error DAMAGED', 'error NOT_A_JOURNAL', 'error NEWER_FORMAT', 'error IO', 'error FOREIGN_FILE'])
  if (path.startsWith('fences/') || path === 'owner.json' || path === 'durable')
    return new Set(['same', 'error IO', 'error FOREIGN_FILE', 'error DAMAGED'])
  return new Set(['same', 'error IO', 'error FOREIGN_FILE'])
}

async function spoiledOutcome(
  image: Image,
  expected: Parameters<typeof outcomeOf>[1],
  spoil: (image: Map<string, Uint8Array>) => void,
): Promise<Outcome> {
  const spoiled = new Map(image)
  spoil(spoiled)
  return outcomeOf(await diskOf(spoiled), expected)
}

describe('a file that is not as it was written', { timeout: 120_000 }, async () => {
  const { image, events } = await makeJournal({ close: true })
  const paths = [...image.keys()].filter(isOther)

  it('is one of a journal that has them all', () => {
    const folders = new Set(paths.map((path) => path.split('/')[0]))
    expect([...folders].sort()).toEqual(['durable', 'fences', 'index', 'journal.json', 'owner.json', 'state'])
  })

  it.each(paths.flatMap((path) => spoilings.map(([name, spoil]) => ({ path, name, spoil }))))(
    '$path: $name',
    async ({ path, spoil }) => {
      const outcome = await spoiledOutcome(image, events, (spoiled) => spoil(spoiled, path))
      expect([...allowed(path)]).toContain(outcome)
    },
  )

  it.each(paths.flatMap((path) => paths.filter((other) => other > path).map((other) => ({ path, other }))))(
    '$path exchanged with $other',
    async ({ path, other }) => {
      const outcome = await spoiledOutcome(image, events, (spoiled) => {
        const [one, two] = [spoiled.get(path) as Uint8Array, spoiled.get(other) as Uint8Array]
        spoiled.set(path, two).set(other, one)
      })
      expect(new Set([...allowed(path), ...allowed(other)])).toContain(outcome)
    },
  )

  it('is an older copy', async () => {
    const disk = await diskOf(image)
    const store = await openImage(disk)
    for (let n = 100; n < 124; n++) {
      const event = { stream: 'a', type: 'noted', version: 1, data: JSON.stringify({ n, text: 'y'.repeat(200) }) }
      await store.append({ events: [event], durability: 'sync' })
    }
    const later = await allEvents(store)
    await store.close()
    const newer = await imageOf(disk)
    for (const path of paths) {
      const outcome = await spoiledOutcome(newer, later, (spoiled) => spoiled.set(path, image.get(path) as Uint8Array))
      expect([...allowed(path), 'same'], path).toContain(outcome)
    }
    // All caches of an older state at once, and the caches of the newer state over the older log.
    const caches = paths.filter((path) => path.startsWith('index/') || path.startsWith('state/') || path === 'durable')
    expect(
      await spoiledOutcome(newer, later, (spoiled) =>
        caches.forEach((path) => void spoiled.set(path, image.get(path) as Uint8Array)),
      ),
    ).toBe('same')
    const wrong = await spoiledOutcome(image, events, (spoiled) => {
      for (const [path, bytes] of newer)
        if (path.startsWith('index/') || path.startsWith('state/')) spoiled.set(path, bytes)
    })
    expect(['same', 'error DAMAGED']).toContain(wrong)
  })

  it('belongs to another journal', async () => {
    const disk = memoryDisk()
    const store = await openImage(disk, false, 2)
    for (let n = 0; n < 90; n++) {
      const event = { stream: 'a', type: 'noted', version: 1, data: JSON.stringify({ n, text: 'z'.repeat(200) }) }
      await store.append({ events: [event], durability: 'sync' })
    }
    await store.close()
    const other = await imageOf(disk)
    for (const path of paths.filter((each) => other.has(each) && each !== 'journal.json')) {
      const outcome = await spoiledOutcome(image, events, (spoiled) => spoiled.set(path, other.get(path) as Uint8Array))
      expect([...allowed(path), 'same'], path).toContain(outcome)
    }
    const outcome = await spoiledOutcome(image, events, (spoiled) => {
      for (const path of [...spoiled.keys()]) if (isCache(path)) spoiled.delete(path)
      for (const [path, bytes] of other) if (isCache(path)) spoiled.set(path, bytes)
    })
    expect(outcome).toBe('same')
  })

  it('is a whole folder of caches, gone or strange', async () => {
    for (const folder of ['index', 'state', 'fences']) {
      const outcome = await spoiledOutcome(image, events, (spoiled) => {
        for (const path of [...spoiled.keys()]) if (path.startsWith(`${folder}/`)) spoiled.delete(path)
      })
      expect(outcome, `${folder} gone`).toBe('same')
      const strange = await spoiledOutcome(image, events, (spoiled) => {
        for (const path of [...spoiled.keys()]) if (path.startsWith(`${folder}/`)) spoiled.delete(path)
        spoiled.set(folder, text('a file'))
      })
      expect(strange, `${folder} a file`).toMatch(/^(same|error (IO|TARGET_IS_FILE|FOREIGN_FILE|DAMAGED))$/)
    }
  })
})
