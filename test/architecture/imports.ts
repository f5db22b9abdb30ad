// Reads which file imports what, from the text alone: the formatter keeps imports in one shape, so a pattern is enough.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'

export interface Import {
  /** The importing file, as a path below src/. */
  readonly from: string
  /** A path below src/, or the name of a package. */
  readonly to: string
  readonly kind: 'file' | 'package'
  /** Gone after compilation. */
  readonly isTypeOnly: boolean
}

export interface Source {
  readonly file: string
  readonly text: string
}

const importPattern = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?(['"])([^'"]+)\2/gm
const dynamicPattern = /\bimport\(\s*(['"])([^'"]+)\1/g

/** The sources that are published: no unit tests. */
export function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => ({ file: relative(folder, join(folder, name)).replaceAll('\\', '/'), text: '' }))
    .map(({ file }) => ({ file, text: readFileSync(join(folder, file), 'utf8') }))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
}

export function importsOf({ file, text }: Source): Import[] {
  const found = [...text.matchAll(importPattern)].map((match) => ({
    specifier: match[3] ?? '',
    isTypeOnly: match[1] !== undefined,
  }))
  for (const match of text.matchAll(dynamicPattern)) found.push({ specifier: match[2] ?? '', isTypeOnly: false })
  return found.map(({ specifier, isTypeOnly }) =>
    specifier.startsWith('.')
      ? { from: file, to: posix.normalize(posix.join(dirname(file), specifier)), kind: 'file', isTypeOnly }
      : { from: file, to: specifier, kind: 'package', isTypeOnly },
  )
}

/** The text without comments, so that a word in prose is not taken for its use. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|[^:'"`])\/\/.*$/gm, '$1')
}

/** Files that reach themselves, each cycle told once, as the way around. */
export function importCycles(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>()
  for (const { from, to, kind } of imports) if (kind === 'file') next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const way: string[] = []
  const cycles: string[][] = []
  const visit = (file: string): void => {
    const start = way.indexOf(file)
    if (start >= 0) cycles.push([...way.slice(start), file])
    if (start >= 0 || done.has(file)) return
    way.push(file)
    for (const to of next.get(file) ?? []) visit(to)
    way.pop()
    done.add(file)
  }
  for (const file of next.keys()) visit(file)
  return cycles
}
