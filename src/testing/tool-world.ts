// The world outside, as tools see it: what they did to it stays when the process dies, and can be looked at.

import type { ToolContext } from '../runs/tool-context.ts'

export interface ToolWorld {
  /** Names of tools, in the order in which their functions were called. */
  readonly calls: readonly string[]
  /** Names of tools, in the order in which their compensations were called. */
  readonly undone: readonly string[]
  /** What is in effect now, by idempotency key. */
  readonly effects: ReadonlyMap<string, string>
  /** The call takes effect, once for each idempotency key. */
  act(context: ToolContext): string
  /** Takes an effect back, if there is one. */
  undo(context: ToolContext): void
  count(key: string): number
}

export function toolWorld(): ToolWorld {
  const calls: string[] = []
  const undone: string[] = []
  const effects = new Map<string, string>()
  return {
    calls,
    undone,
    effects,
    act({ key, idempotencyKey }) {
      calls.push(key)
      effects.set(idempotencyKey, key)
      return `did ${key}`
    },
    undo({ key, idempotencyKey }) {
      undone.push(key)
      effects.delete(idempotencyKey)
    },
    count: (key) => calls.filter((call) => call === key).length,
  }
}
