// The lock against real processes. The children run the compiled modules, so they are compiled first, into a
// directory of their own.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { writeText } from './file-content.ts'
import { defaultLockMechanism, type LockMechanism } from './kernel-lock.ts'
import { nodeDisk } from './node-disk.ts'

const linux = process.platform === 'linux'
const usual = defaultLockMechanism()
// Linux has the socket too, whatever the usual one is.
const mechanisms: readonly LockMechanism[] = linux && usual === 'flock' ? ['flock', 'socket'] : [usual]

/** Takes the lock, says how it went, and stays when told to. */
const childProgram = `
import { nodeDisk } from './disks/node-disk.js'
const [directory, lockMechanism, then] = process.argv.slice(2)
const lock = await nodeDisk(directory, { lockMechanism }).lock('lock')
console.log(lock === undefined ? 'refused' : 'held')
if (then === 'stay') setInterval(() => {}, 1_000_000)
`

let compiled: string
let directory: string
const children: ChildProcess[] = []

beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'holdfast-compiled-'))
  const source = dirname(dirname(fileURLToPath(import.meta.url)))
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  const options = '--ignoreConfig --target es2022 --module nodenext --types node --skipLibCheck'.split(' ')
  const places = ['--rewriteRelativeImportExtensions', '--rootDir', source, '--outDir', compiled]
  execFileSync(process.execPath, [compiler, ...options, ...places, join(source, 'disks/node-disk.ts')])
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}')
  await writeFile(join(compiled, 'child.js'), childProgram)
})
afterAll(async () => {
  await rm(compiled, { recursive: true })
})
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-lock-'))
  await writeText(nodeDisk(directory), 'lock', '')
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  vi.unstubAllEnvs()
  await rm(directory, { recursive: true })
})

async function startChild(
  mechanism: LockMechanism,
  then: 'stay' | 'end',
): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [join(compiled, 'child.js'), directory, mechanism, then], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, said }
}

describe.each(mechanisms)('the kernel lock by %s', (mechanism) => {
  const disk = () => nodeDisk(directory, { lockMechanism: mechanism })

  it('is named by the disk', () => {
    expect(disk().lockMechanism).toBe(mechanism)
  })

  it('refuses what another process holds, until that is killed', async () => {
    const { child, said } = await startChild(mechanism, 'stay')
    expect(said).toBe('held')
    expect(await disk().lock('lock')).toBeUndefined()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = await disk().lock('lock')
    expect(lock).toBeDefined()
    await lock?.release()
  })

  it('refuses another process what this one holds, until it releases', async () => {
    const lock = await disk().lock('lock')
    expect((await startChild(mechanism, 'end')).said).toBe('refused')
    await lock?.release()
    expect((await startChild(mechanism, 'end')).said).toBe('held')
  })

  it.skipIf(!linux)('stays with a process that is stopped', async () => {
    const { child } = await startChild(mechanism, 'stay')
    child.kill('SIGSTOP')
    const state = async () => /\) (\w)/.exec(await readFile(`/proc/${child.pid}/stat`, 'utf8'))?.[1]
    while ((await state()) !== 'T') await nextTurn()
    expect(await disk().lock('lock')).toBeUndefined()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = await disk().lock('lock')
    expect(lock).toBeDefined()
    await lock?.release()
  })

  it('excludes within one process too, across disks', async () => {
    const lock = await disk().lock('lock')
    expect(await disk().lock('lock')).toBeUndefined()
    await lock?.release()
    const again = await disk().lock('lock')
    expect(again).toBeDefined()
    await again?.release()
  })

  it('goes to exactly one of many who want it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => startChild(mechanism, 'stay')))
    expect(answers.map((answer) => answer.said).sort()).toEqual(['held', 'refused', 'refused', 'refused'])
  })

  it('does not keep its process alive, and ends with it', async () => {
    const { child, said } = await startChild(mechanism, 'end')
    expect(said).toBe('held')
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(0)
    const lock = await disk().lock('lock')
    expect(lock).toBeDefined()
    await lock?.release()
  })
})

describe.skipIf(!linux)('the choice of a mechanism', () => {
  it('is the socket where flock(1) is missing', async () => {
    vi.stubEnv('PATH', directory)
    expect(nodeDisk(directory).lockMechanism).toBe('socket')
  })

  it('does not silently become another when the recorded one is missing', async () => {
    vi.stubEnv('PATH', directory)
    const disk = nodeDisk(directory, { lockMechanism: 'flock' })
    await expect(disk.lock('lock')).rejects.toMatchObject({ code: 'ENOTSUP' })
  })

  it('reports a flock(1) that fails as an error, not as a refusal', async () => {
    await writeFile(join(directory, 'flock'), '#!/bin/sh\nexit 71\n', { mode: 0o755 })
    vi.stubEnv('PATH', directory)
    await expect(nodeDisk(directory, { lockMechanism: 'flock' }).lock('lock')).rejects.toMatchObject({ code: 'ENOLCK' })
  })
})
