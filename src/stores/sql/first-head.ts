// The head row of a journal that holds nothing yet.

import type { HeadRow } from './rows.ts'

/** Nothing is numbered, retained or forgotten. */
export const emptyHead = {
  position: 0,
  durable: 0,
  time: 0,
  eventTime: 0,
  earliest: 1,
  events: 0,
  bytes: 0,
  forgetBefore: 0,
} as const

export function firstHead(identity: Pick<HeadRow, 'journalId' | 'epoch' | 'created' | 'copying'>): HeadRow {
  return { ...identity, ...emptyHead }
}
