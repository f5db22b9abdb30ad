// What tools gave earlier in a loop, for when they fail later (recovery by a cached result).
//
// Invariant: what it holds, and how old that is, follows from the run's events alone: a resumed loop has the same.

import { createPayloadCodec } from '../core/payload.ts'

export class ResultCache {
  readonly #results: Map<string, { readonly result: unknown; readonly at: number }> = new Map()

  keep(tool: string, input: unknown, result: unknown, at: number): void {
    this.#results.set(keyOf(tool, input), { result, at })
  }

  get(tool: string, input: unknown): { readonly result: unknown; readonly at: number } | undefined {
    return this.#results.get(keyOf(tool, input))
  }
}

const codec = createPayloadCodec()

// What a model proposed was read from the journal, so it can be stored.
function keyOf(tool: string, input: unknown): string {
  return codec.encode([tool, input], 'data').text
}
