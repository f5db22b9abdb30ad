// A segment whose lines say something else, each of them sound and linked: what a cache that was made of the old lines
// knows nothing of.

import { checkLine, lineEnd, tailBytes, writeLine } from '../core/record.ts'
import { assert } from '../errors.ts'

/** `change` is given the bodies of all lines behind the header. What it returns must have as many bytes. */
export function rebuilt(segment: Buffer, change: (bodies: readonly string[]) => readonly string[]): Buffer {
  const bodies: string[] = []
  for (let start = 0; start < segment.length; start = lineEnd(segment, start) + 1) {
    bodies.push(segment.toString('utf8', start, lineEnd(segment, start) - tailBytes))
  }
  const [header = '', ...others] = bodies
  const made = Buffer.alloc(segment.length)
  let link = checkLine(segment, 0, lineEnd(segment, 0))?.link ?? 0
  let at = 0
  for (const body of [header, ...change(others)]) {
    const written = writeLine(made, at, body, link, 'link')
    at = written.end
    link = written.sum
  }
  assert(at === segment.length, 'a segment with other lines keeps its length')
  return made
}
