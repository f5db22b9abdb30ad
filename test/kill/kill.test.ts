// Real processes on a real disk: killed under load, stopped and taken over, raced, read beside. A tenth of KILL_ROUNDS sets
// the number of rounds (failpoints.test.ts has the others), RACES how often two race to open; SEED replays the kill times, though not what the machine makes
// of them.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDirectory } from '../../src/open-directory.ts'
import { History } from '../../src/testing/history.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { ChildLines } from './child-lines.ts'
import { killRounds } from './kill-rounds.ts'
import { WritingProcess } from './writing-process.ts'

const rounds = Math.ceil(Number(process.env.KILL_ROUNDS ?? 300) / 10)
const races = Number(process.env.RACES ?? 1_000)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
const all = { select: { kind: 'all' }, direction: 'forward' } as const

class RacingProcess extends ChildLines {
  readonly number: number
  /** Positions by number of the opening. */
  readonly acknowledged: Map<number, number> = new Map()
  refused = 0

  constructor(directory: string, number: number, openings: number) {
    super([fileURLToPath(new URL('racer.mjs', import.meta.url)), directory, `${number}`, `${openings}`])
    this.number = number
  }

  protected override line(text: string): void {
    const [kind, first, position] = text.split(' ')
    if (kind === 'refused') this.refused = Number(first)
    else this.acknowledged.set(Number(first), Number(position))
  }
}

let parent: string
let directory: string

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-kill-'))
  directory = join(parent, 'journal')
})

afterEach(() => rm(parent, { recursive: true, force: true }))

describe('kill -9', { timeout: 60_000 + rounds * 10_000 }, () => {
  it(`loses nothing that was acknowledged, ${rounds} times on one directory (SEED=${seed})`, async () => {
    await killRounds({
      name: 'kill',
      target: directory,
      rounds,
      seed,
      callers: 256,
      open: () => openDirectory(directory, { segmentBytes: 262_144 }),
    })
  })
})

describe('two writers', { timeout: 120_000 }, () => {
  it(`that race to open never both have it, ${races} times`, { timeout: 60_000 + races * 500 }, async () => {
    const racers = [1, 2].map((number) => new RacingProcess(directory, number, races / 2))
    await Promise.all(racers.map((racer) => racer.ended()))
    const store = await openDirectory(directory, {})
    const found = await readEvents(store, all)
    await store.close()
    const expected = racers.flatMap(({ number, acknowledged }) =>
      [...acknowledged].map(([n, position]) => [position, { number, n }] as const),
    )
    expect(expected.length).toBe(races)
    expect(found.map(({ position, data }) => [position, data])).toEqual(expected.sort(([a], [b]) => a - b))
    // Each was refused while the other had it: without that it would have been no race.
    for (const { refused } of racers) expect(refused).toBeGreaterThan(0)
    process.stdout.write(`races: ${races} openings, ${racers.map(({ refused }) => refused).join(' and ')} refused\n`)
  })

  it('of which one is stopped: the other is refused, takes over, and what wakes up is shut out', async () => {
    const stopped = new WritingProcess(directory, { number: 1, callers: 64 })
    await stopped.until(() => stopped.acknowledged.size > 500)
    stopped.signal('SIGSTOP')
    await expect(openDirectory(directory, {})).rejects.toMatchObject({ code: 'LOCKED' })
    const store = await openDirectory(directory, { takeover: true, segmentBytes: 262_144 })
    const atTakeover = store.head().position
    stopped.signal('SIGCONT')
    await stopped.ended()
    // What was in flight is indeterminate, what came after is refused.
    expect(['INDETERMINATE', 'SUPERSEDED']).toContain(stopped.errors[0])
    expect(stopped.errors[1]).toBe('SUPERSEDED')
    const history = new History()
    stopped.report(history, atTakeover)
    history.nextProcess()
    for (let n = 0; n < 20; n++) {
      await history.append(store, {
        events: [{ stream: 'next', type: 'noted', version: 1, data: String(n) }],
        durability: 'sync',
      })
    }
    expect(await history.check(store, { settle: true })).toBeUndefined()
    await store.close()
    const again = await openDirectory(directory, {})
    expect(await history.check(again, { settle: true })).toBeUndefined()
    await again.close()
  })
})

describe('a reader beside a writer', { timeout: 120_000 }, () => {
  it('follows it, and never sees what is not there for good', async () => {
    const writer = new WritingProcess(directory, { number: 1, callers: 64 })
    await writer.until(() => writer.isOpen)
    const reader = await openDirectory(directory, { readOnly: true })
    let wake = (): void => undefined
    const stop = reader.watch(() => wake())
    // Each acknowledged position comes into sight: waiting is on the reader's own wake-ups, and the test's time is the bound.
    for (let seen = 0; seen < 5; seen++) {
      const known = writer.acknowledged.size + 200
      await writer.until(() => writer.acknowledged.size > known)
      const newest = Math.max(...[...writer.acknowledged.values()].flat().map(([, position]) => position))
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve
        })
        await reader.refresh()
        if (reader.head().position >= newest) break
        await woken
      }
    }
    const shown = await readEvents(reader, all)
    await writer.kill()
    stop()
    await reader.close()
    const store = await openDirectory(directory, {})
    const there = await readEvents(store, all)
    expect(shown.map(({ position, sum }) => [position, sum])).toEqual(
      there.slice(0, shown.length).map(({ position, sum }) => [position, sum]),
    )
    await store.close()
  })
})
