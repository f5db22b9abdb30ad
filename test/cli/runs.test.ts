// The commands about runs, from another process than the agent's: beside it, and after it.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { open } from '../../src/open.ts'
import { holdfast } from './command-line.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let parent: string

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  parent = await mkdtemp(join(tmpdir(), 'holdfast-cli-runs-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

for (const place of ['agent', 'agent.db']) {
  describe(`telling a run of ${place}`, { timeout: 60_000 }, () => {
    let target: string
    let journal: HoldfastJournal
    beforeAll(async () => {
      target = join(parent, place)
      journal = await open(target)
      journal.define('asks', async (run) => ({ approved: await run.wait('approval') }))
      journal.define('pays', async (run) => ({
        // It never answers, and whether it took effect nobody can know.
        paid: await run.tool('pay', { effect: 'once', timeoutMs: 20 }, () => new Promise(() => undefined)),
      }))
      journal.define('spends', async (run) => [await run.step('a', () => 1), await run.step('b', () => 2)])
      journal.worker()
    })
    afterAll(() => journal.close())

    it('works while the agent is at work', async () => {
      const { id } = await journal.start('asks')
      const sent = await holdfast('signal', target, id, 'approval', '{"by":"me"}', '--id', 'approve-1')
      expect([sent.code, sent.err]).toEqual([0, ''])
      expect(await journal.result(id)).toEqual({ approved: { by: 'me' } })
      expect((await holdfast('signal', target, id, 'approval', '{"by":"me"}', '--id', 'approve-1')).code).toBe(0)
      const late = await holdfast('signal', target, id, 'approval', '--json')
      expect([late.code, JSON.parse(late.out)]).toMatchObject([1, { error: { code: 'RUN_ENDED' } }])
      const other = await journal.start('asks')
      expect((await holdfast('cancel', target, other.id, '--reason', 'too dear')).code).toBe(0)
      await expect(journal.result(other.id)).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    })

    it('lists runs while the agent is at work', async () => {
      const { id } = await journal.start('asks', { input: 'listed' })
      const waits = async () => {
        const { out } = await holdfast('runs', target, '--state', 'waiting', '--name', 'asks', '--json')
        return out.split('\n').filter((line) => line.includes(id))
      }
      let listed = await waits()
      while (listed.length === 0) listed = await waits()
      expect(JSON.parse(listed[0] ?? '')).toMatchObject({ id, name: 'asks', state: 'waiting' })
      const { out, code } = await holdfast('runs', target)
      expect(code).toBe(0)
      expect(out).toMatch(new RegExp(`^waiting +\\S+Z {2}${id} \\(asks\\): `, 'm'))
      expect((await holdfast('runs', target, '--limit', '1')).out.trim().split('\n').length).toBe(1)
      expect((await holdfast('runs', target, '--state', 'asleep')).code).toBe(2)
      expect((await holdfast('runs', join(parent, 'nothing'))).code).toBe(1)
    })

    const parked = async (id: string): Promise<void> => {
      for (;;) {
        const { out } = await holdfast('runs', target, '--state', 'parked', '--json')
        if (out.includes(id)) return
      }
    }

    it('settles what nobody can know, and raises what a run may spend', async () => {
      const pays = await journal.start('pays')
      await parked(pays.id)
      expect((await holdfast('settle', target, pays.id, 'other', '--not-done')).err).toContain('RUN_NOT_PARKED')
      const settled = await holdfast('settle', target, pays.id, 'pay', '--done', '"receipt 7"')
      expect([settled.code, settled.err]).toEqual([0, ''])
      expect(await journal.result(pays.id)).toEqual({ paid: 'receipt 7' })
      const spends = await journal.start('spends', { budgets: { steps: 1 } })
      await parked(spends.id)
      expect((await holdfast('raise', target, spends.id, 'steps=2')).code).toBe(0)
      expect(await journal.result(spends.id)).toEqual([1, 2])
      expect((await holdfast('raise', target, spends.id, 'steps=3')).err).toContain('RUN_ENDED')
      expect((await holdfast('raise', target, spends.id, 'steps')).code).toBe(2)
      expect((await holdfast('settle', target, pays.id, 'pay', '--done', '--not-done')).code).toBe(2)
    })

    it('says what is wrong', async () => {
      const unknown = await holdfast('cancel', target, 'none')
      expect([unknown.code, unknown.out]).toEqual([1, ''])
      expect(unknown.err).toContain('RUN_UNKNOWN')
      expect((await holdfast('signal', target, 'none')).code).toBe(2)
      expect((await holdfast('signal', target, 'none', 'x', 'not json')).code).toBe(2)
      expect((await holdfast('cancel', 'memory:', 'none')).err).toContain('UNSUPPORTED')
      expect((await holdfast('cancel', join(parent, 'nothing'), 'none')).err).toContain('JOURNAL_MISSING')
      for (const name of ['signal', 'cancel', 'runs', 'settle', 'raise']) {
        expect((await holdfast(name, '--help')).out).toContain(`Usage: holdfast ${name}`)
      }
    })

    it('works when nobody has the journal open: the run goes on with who comes next', async () => {
      const { id } = await journal.start('asks')
      await journal.close()
      expect((await holdfast('signal', target, id, 'approval', '"later"')).code).toBe(0)
      journal = await open(target)
      journal.define('asks', async (run) => ({ approved: await run.wait('approval') }))
      journal.worker()
      expect(await journal.result(id)).toEqual({ approved: 'later' })
    })
  })
}
