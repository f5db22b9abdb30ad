// A copying process that is killed, over and over, on a real disk, while the source goes on between the attempts where it
// can. COPY_KILL_ROUNDS sets how many journals are copied, SEED replays at which step each process is killed.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { copyJournal } from '../../src/copy.ts'
import { systemClock } from '../../src/host/clock.ts'
import type { Store } from '../../src/stores/store.ts'
import { prng } from '../../src/testing/prng.ts'
import { verify } from '../../src/upkeep.ts'
import { ChildLines } from '../kill/child-lines.ts'
import { append, codeOf, event, seen } from '../transfer/scene.ts'
import { type End, type EndKind, endKinds } from './ends.ts'

const rounds = Number(process.env.COPY_KILL_ROUNDS ?? 3)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
const segmentBytes = 65_536
const eventsEach = 1_500

class CopyingProcess extends ChildLines {
  steps = 0
  isComparing = false
  resumedAt: number | undefined

  constructor(from: End['at'], to: End['at']) {
    super([fileURLToPath(new URL('copying.mjs', import.meta.url)), String(from), String(to)])
  }

  protected override line(text: string): void {
    this.steps++
    if (text.startsWith('verify ')) this.isComparing = true
    if (text.startsWith('done ')) this.resumedAt = Number(text.slice(5))
  }
}

let parent: string

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-copy-kill-'))
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

async function used<T>(end: End, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await end.open()
  try {
    return await use(store)
  } finally {
    await end.close(store)
  }
}

/** Not by being opened: a marked database opens, and takes no writes. */
function writing(end: End): Promise<unknown> {
  return codeOf(used(end, (store) => append(store, [event('probe')])))
}

async function read(end: End): Promise<unknown> {
  const store = await end.open({ readOnly: true })
  try {
    return await seen(store)
  } finally {
    await end.close(store)
  }
}

const lasting = endKinds.filter(({ lasts }) => lasts)
const pairs = lasting.flatMap((from) => lasting.map((to) => [from.name, to.name, from, to] as const))

describe.each(pairs)(
  'a process that copies from %s to %s and is killed',
  (fromName, toName, fromKind, toKind) => {
    const isOfFiles = fromName === 'file' && toName === 'file'

    it(`leaves what the next one finishes: never two journals, nothing lost (seed ${seed})`, async () => {
      const chance = prng(seed)
      const seenStates = new Set<string>()
      for (let round = 0; round < (isOfFiles ? rounds : Math.ceil(rounds / 3)); round++) {
        const make = (kind: EndKind, name: string): End =>
          kind.make({ root: parent, name: `${name}${round}`, clock: systemClock, seed: round })
        const [from, to] = [make(fromKind, 'from'), make(toKind, 'to')]
        await used(from, (store) => grow(store, eventsEach))
        let resumedAt: number | undefined
        for (let attempt = 0; attempt < 6; attempt++) {
          const child = new CopyingProcess(from.at, to.at)
          const at = chance.below(attempt < 3 ? 60 : 300) + 1
          // The first one when all is written and none of it compared: the others go on behind that.
          await child.until(() => (attempt === 0 ? child.isComparing : child.steps >= at))
          await child.kill()
          resumedAt = attempt === 0 ? undefined : child.resumedAt
          // The target first: while it is no journal, the source may be one.
          const ofTarget = await codeOf(read(to))
          const ofSource = await writing(from)
          seenStates.add(`${String(ofSource)}, ${String(ofTarget)}`)
          expect([ofSource, ofTarget]).not.toEqual(['no error', 'no error'])
          if (ofSource === 'no error') await used(from, (store) => grow(store, 100))
          else if (ofTarget === 'no error') break
        }
        const expected = await read(from)
        const isDone = (await codeOf(read(to))) === 'no error'
        const report = await copyJournal(from.at, to.at, { segmentBytes })
        if (!isDone) expect(report.resumedAt).toBeGreaterThan(0)
        if (resumedAt !== undefined) expect(resumedAt).toBeGreaterThan(0)
        expect(await read(to)).toEqual(expected)
        expect((await verify(String(to.at))).ok).toBe(true)
        expect(await writing(from)).toBe('MOVED')
        expect(await writing(to)).toBe('no error')
        await from.wipe()
        await to.wipe()
      }
      if (isOfFiles) expect([...seenStates]).toContain('no error, COPY_UNFINISHED')
    })
  },
  300_000,
)
