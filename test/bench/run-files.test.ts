// What a run of the benchmark does with files: where its journals are made and who removes them, and what it keeps. And what
// it says of what went wrong.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../src/errors.ts'
import { failure, output, scratch } from './pure-parts.ts'

let place = ''

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'bench-'))
})

afterEach(() => rmSync(place, { recursive: true, force: true }))

const anywhere = { mayBeInMemory: true }

function leave(name: string, owner: unknown): string {
  const path = join(place, name)
  mkdirSync(join(path, 'journal'), { recursive: true })
  if (owner !== undefined) writeFileSync(join(path, 'owner.json'), JSON.stringify(owner))
  return path
}

describe('the directory of a run', () => {
  it('is one of its own, says whose it is, and goes with all that is in it', () => {
    const directory = join(place, 'not', 'yet', 'there')
    const [one, other] = [scratch.makeScratch(directory, anywhere), scratch.makeScratch(directory, anywhere)]
    expect(JSON.parse(readFileSync(join(other, 'owner.json'), 'utf8'))).toEqual({ host: hostname(), pid: process.pid })
    expect(one).not.toBe(other)
    mkdirSync(join(other, 'journal'))
    scratch.removeScratch(other)
    expect(existsSync(other)).toBe(false)
  })

  it('makes way for the next run when its process is gone, and for nothing else', () => {
    const host = hostname()
    const [dead, alive] = [leave('run-dead', { host, pid: 1 }), leave('run-live', { host, pid: 2 })]
    const others = [
      alive,
      leave('run-elsewhere', { host: `not ${host}`, pid: 1 }),
      leave('run-unnamed', undefined),
      leave('mine', { host, pid: 1 }),
    ]
    writeFileSync(join(place, 'run-file'), '')
    expect(scratch.leftBehind(place, (pid) => pid === 2)).toEqual([dead])
    expect(others.every((path) => existsSync(path))).toBe(true)
  })

  it('is cleared of by the run that comes next', () => {
    const dead = leave('run-dead', { host: hostname(), pid: process.pid }) // before this process had that number
    const alive = leave('run-live', { host: hostname(), pid: process.ppid })
    const mine = scratch.makeScratch(place, anywhere)
    expect([dead, alive, mine].map((path) => existsSync(path))).toEqual([false, true, true])
  })

  it.runIf(existsSync('/dev/shm') && process.platform === 'linux')('in memory is refused, and not even made', () => {
    const directory = `/dev/shm/bench-${process.pid}`
    expect(() => scratch.makeScratch(directory, { mayBeInMemory: false })).toThrow('in memory')
    expect(existsSync(directory)).toBe(false)
  })

  it('is refused where a file is in the way', () => {
    const file = join(place, 'file')
    writeFileSync(file, 'kept')
    for (const directory of [file, join(file, 'below')]) {
      expect(() => scratch.makeScratch(directory, anywhere)).toThrow('ENOTDIR')
    }
    expect(readFileSync(file, 'utf8')).toBe('kept')
  })

  it.runIf(process.platform === 'linux')('is refused where none can be made', () => {
    expect(() => scratch.makeDirectory('/proc/bench/deeper')).toThrow('ENOENT')
  })
})

describe('a file that a run writes', () => {
  it('is looked at beforehand, and left as it is', () => {
    const path = join(place, 'not', 'there', 'figures.json')
    output.mustBeWritable(path)
    expect(readdirSync(join(place, 'not', 'there'))).toEqual([])
    output.writeOutput(path, 'before')
    output.mustBeWritable(path)
    expect(readFileSync(path, 'utf8')).toBe('before')
  })

  it('is refused where it can not be one', () => {
    expect(() => output.mustBeWritable(place)).toThrow('is a directory')
    writeFileSync(join(place, 'file'), '')
    expect(() => output.mustBeWritable(join(place, 'file', 'figures.json'))).toThrow('ENOTDIR')
  })

  it('takes the place of the one before in one step', () => {
    const path = join(place, 'figures.json')
    output.writeOutput(path, 'one')
    const { ino } = statSync(path)
    output.writeOutput(path, 'two')
    expect([readFileSync(path, 'utf8'), readdirSync(place)]).toEqual(['two', ['figures.json']])
    expect(statSync(path).ino).not.toBe(ino)
  })

  it.runIf(existsSync('/dev/null'))('does not take the place of a device', () => {
    const path = join(place, 'link')
    symlinkSync('/dev/null', path)
    output.mustBeWritable(path)
    output.writeOutput(path, 'nothing')
    expect(statSync(path).isCharacterDevice()).toBe(true)
  })
})

describe('what is said of a failure', () => {
  it('is a line with its causes, each told once', () => {
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
    const cause = new HoldfastError('DISK_FULL', 'no room for j: ENOSPC: no space left', { cause: full })
    const error = new HoldfastError('INDETERMINATE', 'the write failed', { cause })
    expect(failure.failureText(error)).toBe('the write failed: no room for j: ENOSPC: no space left')
    expect(failure.failureText('text')).toBe('text')
  })

  it('shows where it stands when it is a defect', () => {
    const defect = new TypeError('x is not a function')
    expect(failure.failureText(defect)).toContain('run-files.test')
    expect(failure.failureText(Object.assign(defect, { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' }))).toBe(defect.message)
  })
})
