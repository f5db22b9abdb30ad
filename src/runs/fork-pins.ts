// The pins of a fork: what it shares is kept until it has ended.

import type { ForkBase } from './fork-base.ts'
import { streamOf } from './run-event.ts'

/** What keeps the shared events from retention, one for each stream that holds some. */
export function pinsOf(id: string, { parts }: ForkBase): { readonly pin: string; readonly stream: string }[] {
  return [...new Set(parts.map(({ run }) => streamOf(run)))].map((stream, index) => {
    return { pin: index === 0 ? `fork/${id}` : `fork/${id}/${index}`, stream }
  })
}
