import type { Run, RunFunction } from '../../src/runs/run.ts'
import type { Outside } from './outside.mjs'

export declare const longRun: {
  readonly id: string
  readonly name: string
  readonly input: unknown
  readonly budgets: Readonly<Record<string, number>>
}
export declare function partOf(outside: Outside): (run: Run, input: { readonly n: number }) => Promise<unknown>
export declare function longRunOf(outside: Outside, variation: { readonly fails: boolean }): RunFunction
