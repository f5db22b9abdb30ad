// The SQLite store and real processes: killed under load, many times over on one file; several at once on one file, racing
// with expectations. A tenth of KILL_ROUNDS sets the number of rounds; SEED replays the kill times.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openSqlite } from '../../src/open-sqlite.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { ChildLines } from './child-lines.ts'
import { killRounds } from './kill-rounds.ts'

const rounds = Math.ceil(Number(process.env.KILL_ROUNDS ?? 300) / 10)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
const all = { select: { kind: 'all' }, direction: 'forward' } as const

let parent: string
let file: string

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-kill-'))
  file = join(parent, 'agent.db')
})
afterEach(() => rm(parent, { recursive: true, force: true }))

describe('kill -9', { timeout: 60_000 + rounds * 10_000 }, () => {
  it(`loses nothing that was acknowledged, ${rounds} times on one file (SEED=${seed})`, async () => {
    await killRounds({ name: 'kill, SQLite', target: file, rounds, seed, callers: 64, open: () => openSqlite(file) })
  })
})

class Racer extends ChildLines {
  /** Data by position. */
  readonly acknowledged: Map<number, string> = new Map()
  conflicts = 0
  isDone = false

  constructor(number: number, appends: number) {
    super([fileURLToPath(new URL('sqlite-racer.mjs', import.meta.url)), file, `${number}`, `${appends}`])
  }

  protected override line(text: string): void {
    const [kind, position, data] = text.split(' ')
    if (kind === 'ack') this.acknowledged.set(Number(position), data ?? '')
    else if (kind === 'conflict') this.conflicts++
    else if (kind === 'done') this.isDone = true
    else throw new Error(`the racer says ${text}`)
  }
}

describe('several processes that write to one file', { timeout: 120_000 }, () => {
  it('each with expectations: no append is lost, none twice, and positions have no gap', async () => {
    await (await openSqlite(file)).close()
    const racers = [1, 2, 3].map((number) => new Racer(number, 150))
    const reader = await openSqlite(file, { readOnly: true })
    let woken = 0
    const stop = reader.watch(() => {
      woken++
    })
    await Promise.all(racers.map((racer) => racer.ended()))
    expect(racers.map(({ isDone }) => isDone)).toEqual([true, true, true])
    await reader.refresh()
    const found = await readEvents(reader, all)
    expect(found.map(({ position }) => position)).toEqual(Array.from({ length: found.length }, (_, index) => index + 1))
    const told = new Map(racers.flatMap(({ acknowledged }) => [...acknowledged]))
    expect(told.size).toBe(450)
    expect(found.map(({ position, data }) => [position, data])).toEqual(
      [...told].sort(([a], [b]) => a - b).map(([position, data]) => [position, data]),
    )
    // Times never go back, whoever wrote.
    expect(found.every(({ time }, index) => time >= (found[index - 1]?.time ?? 0))).toBe(true)
    // Without conflicts it would have been no race; without wake-ups, nobody would have been told.
    expect(racers.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0)
    expect(woken).toBeGreaterThan(0)
    stop()
    expect((await reader.verify({})).findings).toEqual([])
    await reader.close()
  })
})
