// The documents keep up with the code: every link leads to something, and every error code is explained.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}

function anchorsOf(document: string): string[] {
  return [...document.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe('the documents', () => {
  it.each(documents)('%s has links that lead somewhere', (name) => {
    const targets = [...read(name).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
    const broken = targets.filter((target) => {
      if (/^https?:/.test(target)) return false
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? name : join(dirname(name), path)
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(read(file)).includes(anchor))
    })
    expect(broken).toEqual([])
  })

  it('explain exactly the error codes that exist, in their order', () => {
    const union = /export type ErrorCode =([\s\S]*?)\n\n/.exec(read('src/errors.ts'))?.[1] ?? ''
    const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code)
    const explained = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(10)
    expect(explained).toEqual(codes)
  })

  it('mark as retryable exactly the codes that are', () => {
    const list = /retryableCodes[\s\S]*?\[([\s\S]*?)\]/.exec(read('src/errors.ts'))?.[1] ?? ''
    const codes = [...list.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code)
    const marked = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| [^|]*\(retryable\)/gm)].map(
      ([, code]) => code,
    )
    expect(codes.length).toBeGreaterThan(3)
    expect(marked.sort()).toEqual(codes.sort())
  })
})
