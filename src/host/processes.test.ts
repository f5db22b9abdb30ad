// The port of other processes, with real ones: at work, stopped, not yet waited for, and gone. On Linux, where it works.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { markText, type ProcessMark, parseMark } from './death.ts'
import { LinuxProcesses, noProcesses } from './processes.ts'

const work = 'ab'.repeat(16)
const other = 'cd'.repeat(16)
const nonce = '0011223344556677'

function statOf(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function untilState(pid: number, state: string): Promise<void> {
  while (statOf(pid)[0] !== state) await new Promise((resolve) => setImmediate(resolve))
}

describe.skipIf(process.platform !== 'linux')('processes of this host', () => {
  let parent: string
  let directory: string
  let here: LinuxProcesses
  let mine: ProcessMark
  const children: ChildProcess[] = []

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'holdfast-processes-'))
    directory = join(parent, 'notes')
    here = new LinuxProcesses(directory)
    mine = parseMark(here.enter(other, nonce) ?? '') ?? expect.unreachable()
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await rm(parent, { recursive: true, force: true })
  })

  /** As if this process had entered. */
  async function entered(pid: number): Promise<string> {
    const mark = markText({ ...mine, pid, started: statOf(pid)[19] ?? '' })
    await writeFile(join(directory, `${work}.${mark}`), '')
    return mark
  }

  async function sleeper(): Promise<{ readonly child: ChildProcess; readonly pid: number; readonly mark: string }> {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
    children.push(child)
    await once(child, 'spawn')
    const pid = child.pid ?? 0
    return { child, pid, mark: await entered(pid) }
  }

  it('knows itself', () => {
    expect(mine).toMatchObject({ pid: process.pid, nonce })
    expect(here.verdict(other, markText(mine))).toBe('alive')
    expect(here.verdict(work, markText(mine))).toBe('unknown')
    expect(here.enter(other, nonce)).toBeUndefined()
  })

  it('tells one that was killed from one that is at work or stopped', async () => {
    const { child, pid, mark } = await sleeper()
    expect(here.verdict(work, mark)).toBe('alive')
    child.kill('SIGSTOP')
    await untilState(pid, 'T')
    expect([here.verdict(work, mark), here.dead(work)]).toEqual(['alive', []])
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect([here.verdict(work, mark), here.dead(work), here.dead(other)]).toEqual(['dead', [mark], []])
  })

  it('takes one that has ended as dead, though nobody has waited for it', async () => {
    const child = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] })
    children.push(child)
    const [text] = (await once(child.stdout ?? expect.unreachable(), 'data')) as [Buffer]
    const pid = Number(text.toString())
    const mark = await entered(pid)
    process.kill(pid, 'SIGKILL')
    await untilState(pid, 'Z')
    expect([here.verdict(work, mark), here.dead(work)]).toEqual(['dead', [mark]])
  })

  it('takes a pid that has another process as a dead one', async () => {
    const mark = markText({ ...mine, started: `${Number(mine.started) + 1}` })
    await writeFile(join(directory, `${work}.${mark}`), '')
    expect(here.verdict(work, mark)).toBe('dead')
  })

  it('proves nothing without the note, on another boot, or in other namespaces', async () => {
    const { child, mark } = await sleeper()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const dead = parseMark(mark) ?? expect.unreachable()
    for (const change of [{ boot: '0'.repeat(32) }, { namespaces: '1-1' }]) {
      const elsewhere = markText({ ...dead, ...change })
      await writeFile(join(directory, `${work}.${elsewhere}`), '')
      expect(here.verdict(work, elsewhere)).toBe('unknown')
    }
    expect(here.verdict(work, mark)).toBe('dead')
    here.leave(work, mark)
    expect(here.verdict(work, mark)).toBe('unknown')
  })

  it('trusts no directory that others can write to, or that stands somewhere else', async () => {
    const { child, mark } = await sleeper()
    child.kill('SIGKILL')
    await once(child, 'exit')
    await chmod(directory, 0o777)
    expect([here.verdict(work, mark), here.dead(work), here.enter(work, nonce)]).toEqual(['unknown', [], undefined])
    await chmod(directory, 0o700)
    expect(here.dead(work)).toEqual([mark])
    await rename(directory, `${directory}-moved`)
    await symlink(`${directory}-moved`, directory)
    expect([here.verdict(work, mark), here.dead(work), here.enter(work, nonce)]).toEqual(['unknown', [], undefined])
  })

  it('removes what the dead of another day have left, when one enters', async () => {
    const [old, young] = [await sleeper(), await sleeper()]
    const alive = await sleeper()
    for (const { child } of [old, young]) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const aDayAgo = new Date(Date.now() - 25 * 60 * 60 * 1_000)
    for (const { mark } of [old, alive]) await utimes(join(directory, `${work}.${mark}`), aDayAgo, aDayAgo)
    const entering = here.enter(work, nonce)
    const names = [`${other}.${markText(mine)}`, ...[entering, young.mark, alive.mark].map((mark) => `${work}.${mark}`)]
    expect((await readdir(directory)).sort()).toEqual(names.sort())
  })

  it('reaches no file by a mark or a name of its own making', async () => {
    const outside = join(parent, 'outside')
    await writeFile(outside, '')
    here.leave(work, '../outside')
    here.leave('../outside', markText(mine))
    expect([here.verdict('..', '/outside'), here.dead('..'), here.enter('..', nonce)]).toEqual([
      'unknown',
      [],
      undefined,
    ])
    expect(await readdir(parent)).toContain('outside')
  })
})

it('where nothing can be proven, nothing is', () => {
  expect(noProcesses.enter(work, nonce)).toBeUndefined()
  expect(noProcesses.verdict(work, 'x')).toBe('unknown')
  expect(noProcesses.dead(work)).toEqual([])
  noProcesses.leave(work, 'x')
})
