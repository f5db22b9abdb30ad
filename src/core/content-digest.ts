// The name of content: SHA-256, 64 lower-case hexadecimal digits. Pure.

import { createHash } from 'node:crypto'

export function contentDigest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
