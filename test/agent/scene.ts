// A journal in memory for loops of agents, with time in hand.

import { type RunScene, runScene, turns } from '../../src/testing/cut-off-scene.ts'

export interface Scene extends RunScene {
  /** What it ends with, a thrown error too, while time passes; `meanwhile` is done again and again until then. */
  ended(running: Promise<unknown>, meanwhile?: () => Promise<unknown>): Promise<unknown>
}

export function scene(): Scene {
  const on = runScene()
  return {
    ...on,
    async ended(running, meanwhile) {
      let end: { readonly value: unknown } | undefined
      const settle = (value: unknown): void => {
        end = { value }
      }
      running.then(settle, settle)
      while (end === undefined) {
        await turns(3)
        await meanwhile?.()
        on.clock.advance(100)
      }
      return end.value
    },
  }
}
