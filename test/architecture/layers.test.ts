// Imports point downwards only, the core is pure, and time, randomness and the file system come in through ports. The
// rules are proved to bite on planted sources first: a checker that accepts everything would pass for ever.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readSources } from './imports.ts'
import { type Exception, unusedExceptions, violations } from './layer-rules.ts'

const exceptions: readonly Exception[] = [
  {
    from: 'disks/simulated-disk.ts',
    to: 'testing/prng.ts',
    why: 'what a crash keeps is drawn from a seed; the generator is a leaf of its own',
  },
  {
    from: 'disks/surviving-state.ts',
    to: 'testing/prng.ts',
    why: 'the same',
  },
  {
    from: 'disks/faulty-disk.ts',
    to: 'testing/prng.ts',
    why: 'the same',
  },
]

const sources = readSources(fileURLToPath(new URL('../../src', import.meta.url)))
const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}
const declared = {
  dependencies: Object.keys({ ...packageJson.dependencies, ...packageJson.peerDependencies }),
}

describe('the layers of src/', () => {
  it('import downwards only, without cycles, and use what comes through ports', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(violations(sources, exceptions, declared)).toEqual([])
  })

  it('need every exception that is granted', () => {
    expect(unusedExceptions(sources, exceptions, declared)).toEqual([])
  })
})

describe('the rules', () => {
  const planted = (file: string, text: string) => violations([{ file, text }], [])

  it.each([
    ['an import upwards', 'core/a.ts', "import { open } from '../open.ts'"],
    ['a feature in the journal', 'journal/a.ts', "import type { Run } from '../runs/run.ts'"],
    ['an agent in a run', 'runs/a.ts', "import { runAgent } from '../agent/agent-loop.ts'"],
    ['a store in the journal', 'journal/a.ts', "import { memoryStore } from '../stores/memory.ts'"],
    ['the store port as more than types', 'core/a.ts', "import { check } from '../stores/store.ts'"],
    ['a disk in the engine', 'engine/a.ts', "import { nodeDisk } from '../disks/node-disk.ts'"],
    ['a test tool in what is published', 'engine/a.ts', "export { prng } from '../testing/prng.ts'"],
    ['an import while running', 'stores/a.ts', "const late = await import('../cli/main.ts')"],
    ['an import over several lines', 'engine/a.ts', "import {\n  a,\n  b,\n} from '../journal.ts'"],
    ['the file system', 'engine/a.ts', "import { readFile } from 'node:fs/promises'"],
    ['a package that is not declared', 'http/a.ts', "import { Hono } from 'hono'"],
    ['the clock of the machine', 'engine/a.ts', 'const now = Date.now()'],
    ['a timer', 'stores/a.ts', 'setTimeout(wake, 10)'],
    ['chance', 'core/a.ts', 'const id = Math.random()'],
    ['the process in the core', 'core/a.ts', 'process.nextTick(later)'],
    ['a file outside of all layers', 'utils.ts', 'export {}'],
  ])('refuse %s', (_name, file, text) => {
    expect(planted(file, text)).toHaveLength(1)
  })

  it.each([
    ['a layer below', 'engine/a.ts', "import { crc } from '../core/record.ts'"],
    ['the types of a port', 'core/a.ts', "import type { Batch } from '../stores/store.ts'"],
    ['words in a comment', 'core/a.ts', '// no Date.now() here\n/* and no process.env */'],
    ['running later in the same turn', 'engine/a.ts', 'process.nextTick(() => setImmediate(later))'],
  ])('allow %s', (_name, file, text) => {
    expect(planted(file, text)).toEqual([])
  })

  it('find a cycle, types included', () => {
    const cycle = [
      { file: 'core/a.ts', text: "import { b } from './b.ts'" },
      { file: 'core/b.ts', text: "import type { A } from './a.ts'" },
    ]
    expect(violations(cycle, [])).toEqual(['cycle: core/a.ts → core/b.ts → core/a.ts'])
  })

  it('grant an exception to the one file that it names', () => {
    const text = "import { prng } from '../testing/prng.ts'"
    const granted = [{ from: 'disks/a.ts', to: 'testing/prng.ts', why: 'a case of this test' }]
    expect(violations([{ file: 'disks/a.ts', text }], granted)).toEqual([])
    expect(violations([{ file: 'disks/b.ts', text }], granted)).toHaveLength(1)
    expect(unusedExceptions([{ file: 'disks/a.ts', text: '' }], granted)).toEqual(['disks/a.ts → testing/prng.ts'])
  })
})
