// A journal in memory for tests: with a clock that the test moves, ids that are the same every time, and its store at
// hand. Invariant: two journals made with the same seed give the same bytes for the same calls (G12).

import type { EventDefinitions } from '../core/schema.ts'
import type { NoDefinitions } from '../journal/event.ts'
import { createJournal, type Journal, type JournalOptions } from '../journal.ts'
import { type MemoryStore, memoryStore } from '../stores/memory.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export interface MemoryJournal<D extends EventDefinitions> {
  readonly journal: Journal<D>
  readonly store: MemoryStore
  readonly clock: FakeClock
}

export function memoryJournal<const D extends EventDefinitions = NoDefinitions>(
  options: Omit<JournalOptions<D>, 'clock'> & { readonly seed?: number } = {},
): MemoryJournal<D> {
  const { seed = 1, ...rest } = options
  const clock = fakeClock()
  const store = memoryStore({ clock, random: seededRandom(seed) })
  return { journal: createJournal<D>(store, { ...rest, clock }), store, clock }
}
