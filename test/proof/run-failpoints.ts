// Which of the engine's failpoints (src/testing/failpoints.ts) the process of a run can die at, and why not at the others.

import { failpoints } from '../../src/testing/failpoints.ts'

/** By how their names begin. */
const unreachable: readonly (readonly [start: string, because: string])[] = [
  ['takeover:', 'a run takes over no journal: its process is refused while another has it open'],
  ['retention:', 'a run removes nothing'],
  ['inbox: a command named', 'there it is the sender of a signal that dies, and not the run'],
  ['blob:', 'what a run records stands in its events'],
  ['backup:', 'a run makes no backup'],
  ['import:', 'a run imports nothing'],
  ['state table: a merged one removed', 'tables are merged when there are more of them than the log of one run makes'],
]

export const runFailpoints: readonly string[] = failpoints
  .map(({ name }) => name)
  .filter((name) => !unreachable.some(([start]) => name.startsWith(start)))

/** For the report: each that is left out, with its reason. */
export const leftOut: readonly string[] = unreachable.map(
  ([start, because]) => `${start.replace(/:$/, '')}: ${because}`,
)

/** A recovery has something to do where an append was under way. */
export const beforeRecovery: readonly string[] = ['append: half written', 'append: durable, not acknowledged']

/** How often a life comes by there, about: it is killed at one of these. */
export function hitsOf(name: string): number {
  if (/^append: (before|half|durable)/.test(name)) return 60
  if (/^append: place/.test(name)) return 20
  return /^(rotation|index|state)/.test(name) ? 3 : 1
}
