// Long work on a large journal takes no more memory than on a small one: each piece of it runs in a process whose heap could
// not hold the journal, nor a note for each of its events. MEMORY_EVENTS sets how many there are.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const events = Number(process.env.MEMORY_EVENTS ?? 240_000)
const heapMiB = 40
const root = fileURLToPath(new URL('../..', import.meta.url))
const script = fileURLToPath(new URL('long-work.mjs', import.meta.url))
const works = ['append', 'read', 'verify', 'export', 'import', 'backup', 'fork', 'retain'] as const

describe(`a process of ${heapMiB} MiB of heap and a journal of ${events} events`, { timeout: 60_000 + events }, () => {
  let directory = ''

  beforeAll(async () => {
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
    directory = await mkdtemp(join(tmpdir(), 'holdfast-memory-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  // In this order: each works on what the ones before it made.
  it.each(works)('can %s', async (what) => {
    const options = [
      `--max-old-space-size=${heapMiB}`,
      script,
      what,
      join(directory, 'journal'),
      directory,
      `${events}`,
    ]
    const { stdout } = await promisify(execFile)(process.execPath, options)
    expect(Number(stdout)).toBe(events)
  })
})
