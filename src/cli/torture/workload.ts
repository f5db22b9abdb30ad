// What the writers append, as a function of seed, writer and number: so whoever checks knows what must be there without
// being told, and an event that nobody wrote can't look like one.

import { createHash } from 'node:crypto'
import type { BlobRef } from '../../core/blob-ref.ts'
import type { StreamEventInput } from '../../journal/event.ts'

/** Which of whose appends an event belongs to. */
export interface Origin {
  readonly writer: number
  readonly n: number
  readonly part: number
}

export interface Planned {
  readonly streams: readonly string[]
  /** Given to every third append or so, so that it takes effect once. */
  readonly commandId: string | undefined
  /** Large content that the first event names. */
  readonly blob: Buffer | undefined
}

export function plannedAppend(seed: number, { writer, n }: Omit<Origin, 'part'>): Planned {
  const chance = createHash('sha256').update(`${seed}/${writer}/${n}`).digest()
  const parts = n % 5 === 3 ? 3 : 1
  return {
    streams: Array.from({ length: parts }, (_, part) => `torture/${(chance[part] ?? 0) % 16}`),
    commandId: n % 3 === 0 ? `${writer}/${n}` : undefined,
    blob: n % 40 === 7 ? Buffer.alloc(3_000 + 200 * (chance[4] ?? 0), chance) : undefined,
  }
}

/** The data of one event, without its blob. */
export function dataOf(seed: number, origin: Origin): { readonly pad: string } & Origin {
  const { writer, n, part } = origin
  const pad = createHash('sha256').update(`${seed}/${writer}/${n}/${part}`).digest('base64')
  return { writer, n, part, pad: pad.repeat(1 + (n % 6)) }
}

export function eventsOf(
  seed: number,
  origin: Omit<Origin, 'part'>,
  blob: BlobRef | undefined,
): readonly StreamEventInput<Record<never, never>>[] {
  return plannedAppend(seed, origin).streams.map((stream, part) => {
    const data = dataOf(seed, { ...origin, part })
    return { stream, type: 'tortured', data: part === 0 && blob !== undefined ? { ...data, blob } : data }
  })
}
