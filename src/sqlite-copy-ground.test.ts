import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqlite } from './open-sqlite.ts'
import { sqliteCopyGround } from './sqlite-copy-ground.ts'
import type { CopyNote, CopyTarget } from './stores/copy-port.ts'
import { memoryStore } from './stores/memory.ts'
import { sqlCopyTarget } from './stores/sql/copy-target.ts'
import type { ImportRecord } from './stores/store.ts'
import { fakeClock } from './testing/fake-clock.ts'
import { seededRandom } from './testing/seeded-random.ts'

const note: CopyNote = {
  id: '1'.repeat(32),
  from: 'elsewhere',
  journal: '2'.repeat(32),
  source: '3'.repeat(32),
  epoch: '3'.repeat(32),
  begun: 1_790_000_000_000,
}
const clock = fakeClock()

let root: string
let file: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-ground-'))
  file = join(root, 'agent.db')
})
afterEach(() => rm(root, { recursive: true, force: true }))

function target(seed: number): CopyTarget {
  return sqlCopyTarget({ ground: sqliteCopyGround(file, clock), clock, random: seededRandom(seed) })
}

async function recordsOf(events: number): Promise<readonly ImportRecord[]> {
  const store = memoryStore({ clock, random: seededRandom(1) })
  for (let index = 0; index < events; index++) {
    const event = { stream: 'a', type: 't', version: 1, data: `${index}` }
    await store.append({ events: [event], agenda: [{ id: 'due', due: 7 }], durability: 'sync' })
  }
  const records: ImportRecord[] = []
  for await (const page of store.dump()) records.push(...page)
  return records
}

async function* pageOf(records: readonly ImportRecord[]): AsyncGenerator<readonly ImportRecord[]> {
  yield records
}

describe('a file of SQLite as the target of a copy', () => {
  it('is held by one, and free when that one lets go', async () => {
    const first = await target(1).begin(note)
    await expect(target(2).begin(note)).rejects.toMatchObject({ code: 'LOCKED' })
    await expect(target(2).discard()).rejects.toMatchObject({ code: 'LOCKED' })
    await first.close()
    await (await target(2).begin(note)).close()
    expect((await readdir(root)).filter((name) => name.endsWith('-copying'))).toEqual([])
  })

  it('takes nothing more from who has lost it without noticing', async () => {
    const records = await recordsOf(3)
    const first = await target(1).begin(note)
    // With the state, it would hold the file's write lock until its end.
    await first.load(pageOf(records.filter(({ event }) => event !== undefined)))
    await rm(`${file}-copying`) // the next one locks another file of that name
    const second = await target(2).begin(note)
    const state = records.filter(({ event }) => event === undefined)
    await expect(first.load(pageOf(state))).rejects.toMatchObject({ code: 'LOCKED' })
    await expect(first.finish([])).rejects.toMatchObject({ code: 'LOCKED' })
    await second.load(pageOf(state))
    await second.finish([])
    await expect(first.clear()).rejects.toMatchObject({ code: 'LOCKED' })
    await second.close()
    await first.close()
    const store = await openSqlite(file, { clock })
    expect([store.head().position, await store.agenda({})]).toMatchObject([3, [{ id: 'due', due: 7 }]])
    await store.close()
  })

  it('keeps the history and nothing of the state until it is finished', async () => {
    const records = await recordsOf(3)
    const first = await target(1).begin(note)
    await first.load(pageOf(records))
    await first.close()
    const second = await target(2).begin(note)
    expect(second.position).toBe(3)
    const kept: ImportRecord[] = []
    for await (const page of second.dump()) kept.push(...page)
    expect(kept.filter(({ control }) => control?.startsWith('{"control":"agenda"') === true)).toEqual([])
    expect(kept.filter(({ event }) => event !== undefined)).toHaveLength(3)
    await second.clear()
    expect(second.position).toBe(0)
    await second.close()
  })

  it('says so where nothing may be made', async () => {
    await writeFile(join(root, 'occupied'), '')
    const ground = sqliteCopyGround(join(root, 'occupied', 'agent.db'), clock)
    await expect(ground.hold()).rejects.toMatchObject({ code: 'TARGET_IS_FILE' })
    const directory = sqlCopyTarget({ ground: sqliteCopyGround(root, clock), clock, random: seededRandom(1) })
    await expect(directory.look()).rejects.toMatchObject({ code: 'NOT_A_JOURNAL' })
  })

  it('is another copy to whoever comes with another note', async () => {
    await (await target(1).begin(note)).close()
    const other = { ...note, id: '9'.repeat(32) }
    await expect(target(2).begin(other)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    expect(await target(2).look()).toEqual({ kind: 'unfinished', note })
    await target(2).discard()
    expect(await target(2).look()).toEqual({ kind: 'free' })
    expect(await readdir(root)).toEqual([])
  })
})
