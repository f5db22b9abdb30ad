// A copying process that is killed, over and over, on a real disk, while the source goes on between the attempts where it
// can. COPY_KILL_ROUNDS sets how many journals are copied, SEED replays at which step each process is killed.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { copyJournal } from '../../src/copy.ts'
import { openDirectory } from '../../src/open-directory.ts'
import type { Store } from '../../src/stores/store.ts'
import { prng } from '../../src/testing/prng.ts'
import { verify } from '../../src/upkeep.ts'
import { ChildLines } from '../kill/child-lines.ts'
import { append, codeOf, event, seen } from '../transfer/scene.ts'

const rounds = Number(process.env.COPY_KILL_ROUNDS ?? 3)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
const segmentBytes = 65_536
const eventsEach = 1_500

class CopyingProcess extends ChildLines {
  steps = 0
  isComparing = false
  resumedAt: number | undefined

  constructor(from: string, to: string) {
    super([fileURLToPath(new URL('copying.mjs', import.meta.url)), from, to])
  }

  protected override line(text: string): void {
    this.steps++
    if (text.startsWith('verify ')) this.isComparing = true
    if (text.startsWith('done ')) this.resumedAt = Number(text.slice(5))
  }
}

let parent: string
let from: string
let to: string

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-copy-kill-'))
  from = join(parent, 'from')
  to = join(parent, 'to')
})
afterEach(() => rm(parent, { recursive: true, force: true }))

async function grow(store: Store, events: number): Promise<void> {
  for (let done = 0; done < events; done += 100) {
    const blob = await store.stageBlob(Buffer.alloc(30_000, `${events} ${done}`))
    const batch = Array.from({ length: 100 }, (_, index) => event(`s/${index % 13}`, 'x'.repeat(300)))
    await append(store, [...batch, event('blobs', done, [blob.digest])], {
      agenda: [{ id: `a${done}`, due: done }],
      command: { id: `${store.head().appended}`, digest: 'd'.repeat(64) },
    })
  }
}

async function used<T>(path: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openDirectory(path, { segmentBytes, create: 'never' })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

describe('a process that copies and is killed', { timeout: 300_000 }, () => {
  it(`leaves what the next one finishes: never two journals, nothing lost (seed ${seed})`, async () => {
    const chance = prng(seed)
    const seenStates = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      await (await openDirectory(from, { segmentBytes })).close()
      await used(from, (store) => grow(store, eventsEach))
      let expected: unknown
      let resumedAt: number | undefined
      for (let attempt = 0; attempt < 6; attempt++) {
        const child = new CopyingProcess(from, to)
        const at = chance.below(attempt < 3 ? 60 : 300) + 1
        // The first one when all is written and none of it compared: the others go on behind that.
        await child.until(() => (attempt === 0 ? child.isComparing : child.steps >= at))
        await child.kill()
        resumedAt = attempt === 0 ? undefined : child.resumedAt
        const [ofSource, ofTarget] = [await codeOf(used(from, seen)), await codeOf(used(to, seen))]
        seenStates.add(`${String(ofSource)}, ${String(ofTarget)}`)
        expect([ofSource, ofTarget]).not.toEqual(['no error', 'no error'])
        if (ofSource === 'no error') await used(from, (store) => grow(store, 100))
        else if (ofTarget === 'no error') break
      }
      const isDone = (await codeOf(used(to, seen))) === 'no error'
      if ((await codeOf(used(from, seen))) === 'no error') expected = await used(from, seen)
      const report = await copyJournal(from, to, { segmentBytes })
      if (!isDone) expect(report.resumedAt).toBeGreaterThan(0)
      if (resumedAt !== undefined) expect(resumedAt).toBeGreaterThan(0)
      const found = await used(to, seen)
      if (expected !== undefined) expect(found).toEqual(expected)
      expect((await verify(to)).ok).toBe(true)
      expect(await codeOf(used(from, seen))).toBe('MOVED')
      await rm(from, { recursive: true })
      await rm(to, { recursive: true })
    }
    expect([...seenStates]).toContain('no error, COPY_UNFINISHED')
  })
})
