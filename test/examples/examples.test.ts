// The examples do what they say: each is killed once with SIGKILL where it hurts, and started again.

import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../src/open.ts'
import { ExampleProcess } from './example-process.ts'

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-example-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe('the examples', () => {
  it('a first journal keeps what was acknowledged', async () => {
    const example = await new ExampleProcess('first-journal.mjs', ['--json']).toItsEnd()
    expect(example.end).toBe('0')
    expect(JSON.parse(example.lines[0] ?? '')).toMatchObject({ ok: true, missing: 0, orders: 1 })
  })

  it('a research agent goes on where it was killed', async () => {
    const args = [directory, '--seed', '3', '--pace', '40']
    const first = new ExampleProcess('research-agent.mjs', args)
    await first.says('agent.reasoning.complete', 2)
    await first.kill()
    expect(first.count('agent.terminated (iteration 9)')).toBe(0)
    const second = await new ExampleProcess('research-agent.mjs', args).toItsEnd()
    expect(second.end).toBe('0')
    expect(second.lines[0]).toMatch(/^goes on after \d+ recorded events$/)
    expect(second.lines.at(-1)).toBe('completed: Published: 91 words, 1 line in the list.')
    // What was recorded by the first isn't asked for by the second: nine iterations, two of them in the first life.
    expect(second.count('agent.reasoning.complete')).toBeLessThanOrEqual(9)
    expect(second.count('  calls model')).toBeLessThanOrEqual(7)
    const third = await new ExampleProcess('research-agent.mjs', args).toItsEnd()
    expect(third.count('calls')).toBe(0)
    expect(third.lines.at(-1)).toBe(second.lines.at(-1))
  })

  it('a payment is approved from another process, and made once though it is killed before the bank answers', async () => {
    const first = new ExampleProcess('payment.mjs', ['pay', directory])
    await first.says('waits for approval')
    const approval = await new ExampleProcess('payment.mjs', ['approve', directory]).toItsEnd()
    expect([approval.end, ...approval.lines]).toEqual(['0', 'approved'])
    await first.says('the bank has made the transfer')
    await first.kill()
    const second = await new ExampleProcess('payment.mjs', ['pay', directory]).toItsEnd()
    expect(second.end).toBe('0')
    expect(second.count('asks the bank: the transfer was made')).toBe(1)
    expect(second.lines.at(-1)).toMatch(/^paid: /)
    expect((await readFile(join(directory, 'bank.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(1)
  })

  it('a payment is refused while nobody runs it', async () => {
    const first = new ExampleProcess('payment.mjs', ['pay', directory])
    await first.says('waits for approval')
    await first.kill()
    expect((await new ExampleProcess('payment.mjs', ['refuse', directory]).toItsEnd()).end).toBe('0')
    // As any program would find it that drives what is due.
    const journal = await open(join(directory, 'journal'))
    expect(await journal.agenda.due()).toMatchObject([{ id: 'run/-/payment-17', data: { state: 'queued' } }])
    await journal.close()
    const second = await new ExampleProcess('payment.mjs', ['pay', directory]).toItsEnd()
    expect(second.lines.at(-1)).toMatch(/^not paid: refused by /)
  })

  it('somebody else’s loop asks its model for nothing twice', async () => {
    const first = new ExampleProcess('foreign-loop.mjs', [directory])
    await first.says('tool called: length', 8)
    await first.says('model asked', 2)
    await first.kill()
    const second = await new ExampleProcess('foreign-loop.mjs', [directory]).toItsEnd()
    expect(second.end).toBe('0')
    expect(second.lines.at(-1)).toBe('33 letters')
    // The first answer and the lengths are there: what may be repeated is the answer that was just on its way.
    expect(second.count('length')).toBe(0)
    expect(second.count('model asked, with 1 messages')).toBe(0)
  })
})

describe('the demo', () => {
  it('counts a call that is made again, and tells one that was cut off from one that was recorded', async () => {
    const book = join(directory, 'calls.jsonl')
    const lines = [
      'begin a',
      'begin a',
      'end a',
      'recorded a',
      'begin b',
      'end b',
      'recorded b',
      'begin b',
      'recorded #1',
    ]
    const records = lines.map((line) => {
      const [at, key] = line.split(' ')
      return JSON.stringify({ at, key, call: key })
    })
    await writeFile(book, `${records.join('\n')}\n`)
    const script = `import { readBook } from './examples/world.mjs'
      console.log(JSON.stringify(readBook(${JSON.stringify(book)})))`
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const read = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' })
    expect(JSON.parse(read)).toMatchObject([
      { call: 'a', begun: 2, ended: 1, repeated: 0 },
      { call: 'b', begun: 2, ended: 1, repeated: 1 },
    ])
  })

  it('shows kills and proves that nothing was done twice', { timeout: 120_000 }, async () => {
    const demo = await new ExampleProcess('demo.mjs', ['--seed', '11']).toItsEnd()
    expect(demo.end).toBe('0')
    expect(demo.count('KILLED')).toBeGreaterThanOrEqual(5)
    expect(demo.count('goes on')).toBe(demo.count('KILLED'))
    expect(demo.count('BAD')).toBe(0)
    expect(demo.lines.join('\n')).not.toContain('\u001b')
    expect(demo.lines).toContain('Nothing was lost, and nothing was done twice.')
  })

  it('refuses what it doesn’t understand', async () => {
    expect((await new ExampleProcess('demo.mjs', ['--seed', 'x']).toItsEnd()).end).toBe('2')
    expect((await new ExampleProcess('demo.mjs', [directory]).toItsEnd()).end).toBe('2')
    expect((await new ExampleProcess('demo.mjs', ['--help']).toItsEnd()).count('Usage')).toBe(1)
  })
})
