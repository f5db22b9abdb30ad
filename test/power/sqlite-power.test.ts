// Real power cuts under a journal in a SQLite file: an ext4 image on a loop device is shut down while a process writes,
// unmounted, mounted and opened again. POWER_ROUNDS sets how often (a third of it, 20 by default), SEED replays when.
//
// Only what was told before the cut counts: a sync that is in flight at the very moment may return success.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openSqlite } from '../../src/open-sqlite.ts'
import { History } from '../../src/testing/history.ts'
import { prng } from '../../src/testing/prng.ts'
import { WritingProcess } from '../kill/writing-process.ts'
import { type LoopImage, loopImageIn } from './loop-image.ts'

const rounds = Math.ceil(Number(process.env.POWER_ROUNDS ?? 60) / 3)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const root = fileURLToPath(new URL('../..', import.meta.url))

const parent = await mkdtemp(join(tmpdir(), 'holdfast-power-'))
const made = loopImageIn(parent)

if (typeof made === 'string') {
  process.stdout.write(`power cuts, SQLite: skipped: ${made}\n`)
  await rm(parent, { recursive: true, force: true })
}

it.skipIf(typeof made === 'string')(
  `a SQLite file whose power is cut ${rounds} times loses nothing that was acknowledged before (SEED=${seed})`,
  { timeout: 120_000 + rounds * 10_000 },
  async () => {
    const image = made as LoopImage // skipped otherwise
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
    const chance = prng(seed)
    const history = new History()
    const file = join(image.mountPoint, 'agent.db')
    let acknowledged = 0
    try {
      for (let round = 1; round <= rounds; round++) {
        const writer = new WritingProcess(file, { number: round, callers: 32 })
        if (chance.chance(0.85)) await writer.until(() => writer.isOpen)
        await new Promise((resolve) => setTimeout(resolve, chance.below(200)))
        // What comes through the pipe from here on may have been said without power.
        writer.cutPower()
        const mustExist = writer.isOpen || history.settledPosition > 0
        const number = chance.below(10)
        image.cut(number === 0 ? 'default' : number < 3 ? 'flush' : 'none')
        await writer.kill()
        acknowledged += writer.acknowledged.size
        image.unmount()
        image.mount()
        if (!mustExist && !existsSync(file)) continue
        const store = await openSqlite(file)
        writer.report(history, store.head().position - history.settledPosition)
        const finding = await history.check(store, { settle: true, from: Math.max(1, history.settledPosition - 200) })
        expect(finding, `round ${round}, SEED=${seed}`).toBeUndefined()
        if (round % 5 === 0) expect((await store.verify({})).findings, `round ${round}, SEED=${seed}`).toEqual([])
        await store.close()
      }
    } finally {
      image.abandon()
      process.stdout.write(
        `power cuts, SQLite: ${rounds} of an ext4 image, ${acknowledged} acknowledged appends, ${history.settledPosition} events\n`,
      )
    }
    await rm(parent, { recursive: true, force: true })
    expect(acknowledged).toBeGreaterThan(0)
  },
)
