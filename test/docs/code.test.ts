// The code in README and guides is compiled against the package as it is published, run, and held to the output that it shows.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './code-blocks.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const files = [
  'README.md',
  'docs/testing.md',
  'docs/RUNS.md',
  'docs/CHANGED-CODE.md',
  'docs/FORKS.md',
  'docs/AGENTS.md',
]
const blocks = files.flatMap((file) =>
  codeBlocks(readFileSync(join(root, file), 'utf8')).map((block) => ({ ...block, file })),
)
// Below the package, so that it finds itself by its name.
const scratchRoot = join(root, '.scratch')
let scratch = ''
let compiled: { readonly status: number | null; readonly stdout: string } | undefined

function node(cwd: string, ...options: string[]): string {
  return execFileSync(process.execPath, options, { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
}

beforeAll(() => {
  node(root, 'scripts/build.mjs')
  mkdirSync(scratchRoot, { recursive: true })
  scratch = mkdtempSync(join(scratchRoot, 'readme-'))
  for (const [index, { code }] of blocks.entries()) writeFileSync(join(scratch, `block-${index}.ts`), code)
  const compilerOptions = { noEmit: false, noUnusedLocals: true, rootDir: '.', outDir: 'out', declaration: false }
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { ...compilerOptions, isolatedDeclarations: false },
    include: ['*.ts'],
  }
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', '.'], { cwd: scratch, encoding: 'utf8' })
  compiled = { status, stdout }
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('the documents', () => {
  it('have code, and show what it prints', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(3)
    for (const { output, file, line } of blocks) expect(output, `the block at ${file}:${line}`).toBeDefined()
  })

  it('have code that compiles', () => {
    expect(compiled).toEqual({ status: 0, stdout: '' })
  })

  it.each(blocks.map((block, index) => ({ ...block, index })))(
    'print what they show at $file:$line',
    ({ index, output }) => {
      expect(node(scratch, `out/block-${index}.js`)).toBe(output)
    },
  )
})
