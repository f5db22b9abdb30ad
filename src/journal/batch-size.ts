// What one append may carry. Invariant: whatever passes here fits into a line of the log and a write group, and into the
// inbox of another process; what does not is refused before any store has seen it.

import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Batch } from '../stores/store.ts'

/** A UTF-16 unit is at most 3 bytes of UTF-8: texts up to this length need no counting. */
const safeLength = Math.floor(limits.eventBytesMax / 3)
const safeBatchLength = Math.floor(limits.batchBytesMax / 3)

/** Of events, or of anything else that goes along with them. */
export function checkCount(items: readonly unknown[], what: string): void {
  if (items.length <= limits.batchEventsMax) return
  throw new HoldfastError('TOO_LARGE', `a batch of ${items.length} ${what} is over the limit`, {
    hint: `Append at most ${limits.batchEventsMax} at once.`,
    details: { count: items.length, countMax: limits.batchEventsMax },
  })
}

/** Of one encoded payload, with its meta if it has one. */
export function checkPayloadBytes(what: 'event' | 'agenda item', name: string, data: string, meta = ''): void {
  if (data.length + meta.length <= safeLength) return
  const bytes = Buffer.byteLength(data) + Buffer.byteLength(meta)
  if (bytes <= limits.eventBytesMax) return
  throw new HoldfastError('TOO_LARGE', `${what} ${JSON.stringify(name)} has ${bytes} bytes of data`, {
    hint: `The limit is ${limits.eventBytesMax}. Put large content with journal.blobs.put() and append the reference.`,
    details: { bytes, bytesMax: limits.eventBytesMax },
  })
}

export function checkBatchBytes(batch: Pick<Batch, 'events' | 'agenda'>): void {
  if (total(batch, (text) => text.length) <= safeBatchLength) return
  const bytes = total(batch, Buffer.byteLength)
  if (bytes <= limits.batchBytesMax) return
  throw new HoldfastError('TOO_LARGE', `a batch has ${bytes} bytes of data`, {
    hint: `The limit is ${limits.batchBytesMax}. Append it in parts, or put large content as blobs.`,
    details: { bytes, bytesMax: limits.batchBytesMax },
  })
}

function total({ events, agenda = [] }: Pick<Batch, 'events' | 'agenda'>, measure: (text: string) => number): number {
  let sum = 0
  for (const { data, meta = '' } of events) sum += measure(data) + measure(meta)
  for (const { data = '' } of agenda) sum += measure(data)
  return sum
}
