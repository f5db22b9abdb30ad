// The real process, whose syncs and writes fail: the first, the second, the third … through a library that is loaded before
// the system's. FAULT_CALLS sets how many writes, each of which is a sync as well, and a quarter as many of the other
// kinds; CALL, AT, TIMES and ERROR replay one.

import { execFileSync } from 'node:child_process'
import { existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { KeptJournal } from '../kill/kept-journal.ts'
import { LifeProcess } from '../kill/life-process.ts'
import { findProgram, run } from './tools.ts'

const calls = Number(process.env.FAULT_CALLS ?? 50)
const root = fileURLToPath(new URL('../..', import.meta.url))

interface Fault {
  readonly call: 'fsync' | 'fdatasync' | 'pwrite'
  readonly at: number
  readonly times: 'once' | 'forever'
  readonly error: 'EIO' | 'ENOSPC'
}

const parent = await mkdtemp(join(tmpdir(), 'holdfast-syncs-'))
const library = makeLibrary()

function makeLibrary(): { readonly path: string } | { readonly missing: string } {
  if (process.platform !== 'linux') return { missing: `LD_PRELOAD is not for ${process.platform}` }
  const compiler = findProgram(['cc', 'gcc', 'clang'])
  if (compiler === undefined) return { missing: 'there is no C compiler (cc, gcc, clang)' }
  const path = join(parent, 'failing-syncs.so')
  const source = fileURLToPath(new URL('failing-syncs.c', import.meta.url))
  try {
    run(compiler, ['-shared', '-fPIC', '-o', path, source, '-ldl', '-lpthread'])
    return { path }
  } catch (error) {
    return { missing: (error as Error).message }
  }
}

if ('missing' in library) process.stdout.write(`failing syncs: skipped: ${library.missing}\n`)

function faults(): readonly Fault[] {
  const { CALL, AT, TIMES, ERROR } = process.env
  if (AT !== undefined) {
    return [{ call: CALL ?? 'pwrite', at: Number(AT), times: TIMES ?? 'once', error: ERROR ?? 'EIO' } as Fault]
  }
  const first = (count: number) => Array.from({ length: Math.ceil(count) }, (_, index) => index + 1)
  const once = (['pwrite', 'fdatasync', 'fsync'] as const).flatMap((call) =>
    first(call === 'pwrite' ? calls : calls / 4).map((at): Fault => ({ call, at, times: 'once', error: 'EIO' })),
  )
  const more = first(calls / 4).filter((at) => at % 3 === 0)
  return [
    ...once,
    ...more.map((at): Fault => ({ call: 'pwrite', at: at * 3, times: 'once', error: 'ENOSPC' })),
    ...more.map((at): Fault => ({ call: 'pwrite', at: at * 3, times: 'forever', error: 'EIO' })),
    ...more.map((at): Fault => ({ call: 'fdatasync', at, times: 'forever', error: 'EIO' })),
  ]
}

it.skipIf('missing' in library)(
  'a journal whose syncs and writes fail acknowledges nothing that is not there',
  { timeout: 120_000 + calls * 30_000 },
  async () => {
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
    const journal = new KeptJournal(parent)
    const total = { runs: 0, struck: 0, reopened: 0, acknowledged: 0 }
    for (const fault of faults()) {
      const { struck, reopened, acknowledged } = await runWith(journal, fault)
      total.runs++
      if (struck) total.struck++
      if (reopened) total.reopened++
      total.acknowledged += acknowledged
    }
    process.stdout.write(
      `failing syncs: ${total.runs} runs, ${total.struck} with a failure, ${total.reopened} reopened, ` +
        `${total.acknowledged} acknowledged appends, ${journal.history.settledPosition} events, none lost\n`,
    )
    expect(total.struck).toBeGreaterThan(total.runs / 2)
    expect(total.reopened).toBeGreaterThan(0)
    await rm(parent, { recursive: true, force: true })
  },
)

interface Outcome {
  readonly struck: boolean
  readonly reopened: boolean
  readonly acknowledged: number
}

async function runWith(journal: KeptJournal, fault: Fault): Promise<Outcome> {
  const { call, at, times, error } = fault
  const log = join(parent, 'failures')
  rmSync(log, { force: true })
  const env = {
    LD_PRELOAD: 'path' in library ? library.path : '',
    FAIL_UNDER: journal.directory,
    FAIL_CALL: call,
    FAIL_AT: String(at),
    FAIL_TIMES: times,
    FAIL_ERRNO: String(constants.errno[error]),
    FAIL_LOG: log,
  }
  const plan = { directory: journal.directory, life: at, appends: 60 }
  const script = fileURLToPath(new URL('failing.mjs', import.meta.url))
  const life = new LifeProcess(journal.history, script, plan, { env })
  await life.ended()
  const where = `CALL=${call} AT=${at} TIMES=${times} ERROR=${error}, in ${journal.directory}`
  expect(life.errors, where).toEqual([])
  const struck = existsSync(log)
  if (struck) dropPages(journal.directory, readFileSync(log, 'utf8'))
  try {
    if (journal.exists || life.isOpen) await journal.check()
  } catch (cause) {
    throw new Error(`${where}: ${String(cause)}`, { cause })
  }
  return { struck, reopened: life.isReopened, acknowledged: life.acknowledged }
}

/** What a failed write left in the cache only is gone: zeros stand there, where the file still reaches so far. */
function dropPages(directory: string, failures: string): void {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name))
  for (const line of failures.trimEnd().split('\n')) {
    const [, inode = 0, offset = 0, length = 0] = line.split(' ').map(Number)
    const path = files.find((file) => statSync(file).ino === inode)
    if (path === undefined || length === 0) continue
    const left = Math.min(length, statSync(path).size - offset)
    if (left > 0) writeSync(openSync(path, 'r+'), Buffer.alloc(left), 0, left, offset)
  }
}
