// Small real tools that work in one folder, for tests and examples: files are written, read, listed and counted, and a
// ledger gets lines that must stand in it once. They touch nothing outside of the folder.

import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { AgentTool } from '../agent/agent-tool.ts'

interface FileInput {
  readonly file: string
}

interface WriteInput extends FileInput {
  readonly text: string
}

export interface ScratchTools {
  readonly [name: string]: AgentTool
  readonly write_file: AgentTool<WriteInput, { readonly characters: number }>
  readonly read_file: AgentTool<FileInput, string>
  readonly list_files: AgentTool<unknown, readonly string[]>
  readonly word_count: AgentTool<FileInput, { readonly words: number }>
  readonly publish: AgentTool<FileInput & { readonly line: string }, { readonly lines: number }>
}

export function scratchTools(folder: string): ScratchTools {
  // A name, not a path: the folder is all that there is.
  const pathOf = ({ file }: FileInput): string => join(folder, basename(file))
  const linesOf = async (input: FileInput): Promise<readonly string[]> => {
    const text = await readFile(pathOf(input), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    return text.split('\n').filter((line) => line !== '')
  }
  return {
    write_file: {
      description: 'Writes { text } to { file }, in place of what was there.',
      effect: 'idempotent',
      async run({ file, text }, { idempotencyKey }) {
        // Under its name stands the old text or the new one, never a part.
        const draft = join(folder, `.${idempotencyKey.replaceAll(/[^A-Za-z0-9]/g, '-')}`)
        await writeFile(draft, text)
        await rename(draft, pathOf({ file }))
        return { characters: text.length }
      },
    },
    read_file: {
      description: 'Gives the text of { file }.',
      effect: 'pure',
      run: (input) => readFile(pathOf(input), 'utf8'),
    },
    list_files: {
      description: 'Names all files.',
      effect: 'pure',
      run: async () => (await readdir(folder)).filter((name) => !name.startsWith('.')).sort(),
    },
    word_count: {
      description: 'Counts the words of { file }.',
      effect: 'pure',
      async run(input) {
        const text = await readFile(pathOf(input), 'utf8')
        return { words: text.split(/\s+/).filter((word) => word !== '').length }
      },
    },
    publish: {
      description: 'Adds { line } to the end of { file }: a second time would be one time too many.',
      effect: 'once',
      async run(input, { idempotencyKey }) {
        const handle = await open(pathOf(input), 'a')
        try {
          await handle.write(`${input.line} (${idempotencyKey})\n`)
          await handle.sync()
        } finally {
          await handle.close()
        }
        return { lines: (await linesOf(input)).length }
      },
      async verify(input, { idempotencyKey }) {
        const lines = await linesOf(input)
        const isThere = lines.some((line) => line.endsWith(`(${idempotencyKey})`))
        return isThere ? { done: true, result: { lines: lines.length } } : { done: false }
      },
    },
  }
}
