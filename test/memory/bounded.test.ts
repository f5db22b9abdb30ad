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

const kinds = [
  { name: 'a directory', file: 'journal', events },
  { name: 'a SQLite file', file: 'journal.db', events: Math.round(events / 4) },
]

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})

describe.each(kinds)('a process of 40 MiB of heap, and a journal of $events events in $name', (kind) => {
  let directory = ''

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-memory-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  // In this order: each works on what the ones before it made.
  it.each(works)('can %s', { timeout: 60_000 + events }, async (what) => {
    const path = join(directory, kind.file)
    const options = [`--max-old-space-size=${heapMiB}`, script, what, path, directory, `${kind.events}`]
    const { stdout } = await promisify(execFile)(process.execPath, options)
    expect(Number(stdout)).toBe(kind.events)
  })
})
