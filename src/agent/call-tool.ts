// One call of a tool within a run.

import type { Run } from '../runs/run.ts'
import type { StepContext } from '../runs/step-context.ts'

export type ToolEffect = 'pure' | 'idempotent' | 'once' | 'reversible'

export interface ToolContext extends Pick<StepContext, 'key' | 'attempt' | 'signal'> {
  readonly idempotencyKey: string
}

export type ToolVerdict = { readonly done: true; readonly result: unknown } | { readonly done: false } | 'unknown'

export interface ToolCall {
  readonly effect: ToolEffect
  readonly key: string
  readonly input: unknown
  readonly timeoutMs: number
  readonly verify: ((context: ToolContext) => ToolVerdict | Promise<ToolVerdict>) | undefined
  readonly compensate: ((result: unknown, context: ToolContext) => unknown) | undefined
}

export function callTool(
  run: Run,
  name: string,
  { key, timeoutMs, input }: ToolCall,
  call: (context: ToolContext) => unknown,
): Promise<unknown> {
  const withKey = (context: StepContext): ToolContext => ({
    key: context.key,
    attempt: context.attempt,
    signal: context.signal,
    idempotencyKey: key,
  })
  return run.step(name, (context) => call(withKey(context)), { timeoutMs, ...(input === undefined ? {} : { input }) })
}
