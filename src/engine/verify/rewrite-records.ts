// The rewrite records of a log that nobody has opened, and which files they have made void. Needed before the scan: a
// file that a rewrite replaced, but that a crash left there, would be read as a part of the log.

import type { RewriteControl } from '../../core/control.ts'
import { checkLine, ifJson, parseControlLine } from '../../core/record.ts'
import type { Disk } from '../../disks/disk.ts'
import { assert } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { segmentPath } from '../layout.ts'
import { LineReader } from '../line-reader.ts'
import type { Link } from './chain.ts'
import { looking } from './disk-trouble.ts'
import { Findings } from './findings.ts'
import type { Pace } from './pace.ts'
import { isControl } from './record-shape.ts'

const rewriteStart: Buffer = Buffer.from('{"control":"rewrite"')

/** Names of files whose content stands in another, rewritten one. */
export async function replacedFiles(disk: Disk, links: readonly Link[], pace: Pace): Promise<ReadonlySet<string>> {
  const replaced = new Set<string>()
  const rewritten = new Map(
    links.filter((link) => link.header?.header.rewritten !== undefined).map((link) => [link.name, link]),
  )
  if (rewritten.size === 0) return replaced
  for (const rewrite of await gather(disk, links, pace)) {
    const [first, ...others] = rewrite.old
    assert(first !== undefined, 'a record is only taken when it has its fields')
    if (rewritten.get(first[0])?.fileBytes !== rewrite.bytes) continue
    for (const [name] of others) replaced.add(name)
  }
  return replaced
}

export function tellReplaced(name: string, findings: Findings): void {
  const message = 'the segment was replaced by a rewritten one and is removed at the next opening'
  findings.note('rewrite-unfinished', segmentPath(name), message)
}

async function gather(disk: Disk, links: readonly Link[], pace: Pace): Promise<readonly RewriteControl[]> {
  const found: RewriteControl[] = []
  const unheard = new Findings() // the scan meets the same trouble and tells it
  for (const { path, fileBytes } of links) {
    await looking(unheard, path, async () => {
      const file = await disk.open(path, { mode: 'read' })
      try {
        const lines = new LineReader(file, { from: 0, to: fileBytes, chunkBytes: limits.pageBytes })
        while (await lines.load()) {
          while (lines.next()) {
            const rewrite = rewriteIn(lines)
            if (rewrite !== undefined) found.push(rewrite)
          }
          await pace.step(0)
        }
      } finally {
        await file.close()
      }
    })
  }
  return found
}

function rewriteIn({ buffer, start, end }: LineReader): RewriteControl | undefined {
  if (buffer.compare(rewriteStart, 0, rewriteStart.length, start, start + rewriteStart.length) !== 0) return undefined
  if (checkLine(buffer, start, end) === undefined) return undefined
  const text = buffer.toString('utf8', start, end)
  const control = ifJson(() => parseControlLine(text))?.control
  return control?.control === 'rewrite' && isControl(control) === true ? control : undefined
}
