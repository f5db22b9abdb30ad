// Makes export files with sound checksums and any content: what somebody could make who knows the format.

import { createHash } from 'node:crypto'
import { bodySum, hex8, lineBytesMax, writeLine } from '../../src/core/record.ts'
import { type ExportTrailer, exportHeaderBody, starts, trailerBody } from '../../src/transfer/format.ts'

export const header: string = exportHeaderBody({ journal: 'a'.repeat(32), epoch: 'b'.repeat(32), created: 1 })

/** A file of these lines' bodies (JSON objects without their last brace), with a header and a true end. */
export function forged(bodies: readonly (string | Buffer)[], lie: Readonly<Partial<ExportTrailer>> = {}): Buffer {
  const first = line(header, 0)
  const lines = [first.bytes]
  let sum = 0
  for (const body of bodies) {
    const next = line(body, sum)
    sum = next.sum
    lines.push(next.bytes)
  }
  const before = Buffer.concat(lines)
  const count = (start: string) => bodies.filter((body) => body.toString().startsWith(start)).length
  const told = {
    events: count(starts.event),
    records: bodies.length,
    blobs: count(starts.blob),
    bytes: before.length,
    sha256: createHash('sha256').update(before).digest('hex'),
    ...lie,
  }
  return Buffer.concat([before, line(trailerBody(told), sum).bytes])
}

export function line(body: string | Buffer, link: number): { readonly bytes: Buffer; readonly sum: number } {
  if (typeof body === 'string') {
    const bytes = Buffer.alloc(lineBytesMax(body))
    const { end, sum } = writeLine(bytes, 0, body, link, 'link')
    return { bytes: bytes.subarray(0, end), sum }
  }
  const sum = bodySum(body as unknown as string)
  return { bytes: Buffer.concat([body, Buffer.from(`,"sum":"${hex8(sum)}","link":"${hex8(link)}"}\n`)]), sum }
}

export function eventBody(position: number, stream = 's', seq: number = position, rest = ',"data":null'): string {
  return `{"position":${position},"stream":${JSON.stringify(stream)},"seq":${seq},"time":5,"type":"t"${rest}`
}

export function controlBody(control: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(control).slice(0, -1)
}
