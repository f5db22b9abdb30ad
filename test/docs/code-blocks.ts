// Takes the code out of a document: each TypeScript block, with the output that the document promises for it.

export interface CodeBlock {
  readonly code: string
  /** The ```text block that follows, without any other block in between. */
  readonly output: string | undefined
  readonly line: number
}

export function codeBlocks(document: string): CodeBlock[] {
  const fences = [...document.matchAll(/^```(\w*).*\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? '',
    content: match[2] ?? '',
    line: document.slice(0, match.index).split('\n').length,
  }))
  return fences.flatMap(({ language, content, line }, index) => {
    if (language !== 'ts') return []
    const next = fences[index + 1]
    return [{ code: content, output: next?.language === 'text' ? next.content : undefined, line }]
  })
}
