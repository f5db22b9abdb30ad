import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { copyJournal } from '../../src/copy.ts'
import { open } from '../../src/open.ts'
import { codeOf } from '../transfer/scene.ts'
import { holdfast } from './command-line.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let parent: string
let from: string
let to: string

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-cli-copy-'))
  from = join(parent, 'agent')
  to = join(parent, 'new')
  const journal = await open(from)
  await journal.append('a', [
    { type: 't', data: 1 },
    { type: 't', data: 2 },
  ])
  await journal.close()
})
afterEach(() => rm(parent, { recursive: true, force: true }))

describe('holdfast copy', { timeout: 60_000 }, () => {
  it('moves a journal and says what is the same', async () => {
    const { code, out, err } = await holdfast('copy', from, to)
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(`${from} has moved to ${to}.`)
    expect(out).toMatch(/^ {2}event +2 {2}[0-9a-f]{64}$/m)
    const again = await holdfast('copy', from, to, '--json')
    expect(again.code).toBe(0)
    expect(JSON.parse(again.out)).toMatchObject({ outcome: 'moved', from, to })
    expect(await codeOf(open(from))).toBe('MOVED')
  })

  it('forks beside a process that writes, where moving says what to do', async () => {
    const journal = await open(from)
    const refused = await holdfast('copy', from, to)
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('--fork') })
    const { code, out } = await holdfast('copy', from, to, '--fork', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ outcome: 'forked', journal: journal.id, compared: { last: 2 } })
    await journal.append('a', { type: 't', data: 3 })
    await journal.close()
  })

  it('abandons what is unfinished', async () => {
    const stop = new AbortController()
    const progress = (): void => stop.abort()
    expect(await codeOf(copyJournal(from, to, { signal: stop.signal, progress }))).toBe('ABORTED')
    const opened = await holdfast('copy', to, join(parent, 'third'))
    expect(opened).toMatchObject({ code: 1, err: expect.stringContaining('COPY_UNFINISHED') })
    const { code, out } = await holdfast('copy', from, to, '--abandon')
    expect([code, out]).toEqual([0, `The unfinished copy at ${to} is removed.\n`])
    const failed = await holdfast('copy', join(parent, 'none'), to, '--json')
    expect(failed.code).toBe(1)
    expect(JSON.parse(failed.out)).toMatchObject({ error: { code: 'JOURNAL_MISSING' } })
  })

  it.each([
    [[]],
    [['agent']],
    [['agent', 'new', 'more']],
    [['agent', 'memory:']],
    [['memory:', 'new']],
    [['nosuch://x', 'new']],
    [['agent', 'new', '--fork', '--abandon']],
    [['agent', 'new', '--forget']],
  ])('refuses %j with code 2 and a line that says why', async (args) => {
    const { code, out, err } = await holdfast('copy', ...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^holdfast: .+\nTry: holdfast copy --help\n$/)
  })

  it('to itself is wrong usage', async () => {
    expect(await holdfast('copy', from, from)).toMatchObject({ code: 2, out: '' })
  })
})
