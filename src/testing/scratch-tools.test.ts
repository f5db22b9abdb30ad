// The tools of a scratch folder do what they say, and nothing outside of it.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ToolContext } from '../runs/tool-context.ts'
import { scratchTools } from './scratch-tools.ts'

let folder = ''
const context = new ToolContext({ key: 'k', attempt: 1, idempotencyKey: 'run/1.1/publish' })

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-scratch-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

it('writes, reads, lists and counts', async () => {
  const tools = scratchTools(folder)
  await tools.write_file.run({ file: 'a.txt', text: 'one two' }, context)
  await tools.write_file.run({ file: '../../b.txt', text: ' three ' }, context)
  expect((await readdir(folder)).sort()).toEqual(['a.txt', 'b.txt'])
  expect(await tools.list_files.run(undefined, context)).toEqual(['a.txt', 'b.txt'])
  expect(await tools.read_file.run({ file: 'a.txt' }, context)).toBe('one two')
  expect(await tools.word_count.run({ file: 'a.txt' }, context)).toEqual({ words: 2 })
})

it('knows whether it has published', async () => {
  const { publish } = scratchTools(folder)
  const input = { file: 'list.txt', line: 'x' }
  expect(await publish.verify?.(input, context)).toEqual({ done: false })
  expect(await publish.run(input, context)).toEqual({ lines: 1 })
  expect(await publish.verify?.(input, context)).toEqual({ done: true, result: { lines: 1 } })
  expect(await readFile(join(folder, 'list.txt'), 'utf8')).toBe('x (run/1.1/publish)\n')
})
