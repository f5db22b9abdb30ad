// A tool as an agent's author declares it: what it does to the world, and how. The loop calls it as a tool of the run
// (run.tool), so what its `effect` promises holds here as well.

import { checkName } from '../core/names.ts'
import type { StandardSchema } from '../core/schema.ts'
import { checkObject, invalidArgument } from '../journal/argument.ts'
import { schemaMismatch } from '../runs/schema-mismatch.ts'
import type { ToolContext } from '../runs/tool-context.ts'
import { type ToolEffect, type ToolOptions, type ToolVerdict, toolTerms } from '../runs/tool-terms.ts'
import type { Recovery } from './recovery.ts'

// Bivariant on purpose, as methods are: a list of tools holds each with an input of its own.
export interface AgentTool<Input = unknown, Result = unknown> {
  /** For the model. */
  readonly description?: string
  /** What happens when it is called again: see run.tool. */
  readonly effect: ToolEffect
  /** What the model proposes must match; what doesn't is told to the model and never called. */
  readonly schema?: StandardSchema<unknown, Input>
  run(input: Input, context: ToolContext): Result | Promise<Result>
  /** For 'once': after a call was cut off, looks whether it has taken effect. */
  verify?(input: Input, context: ToolContext): ToolVerdict | Promise<ToolVerdict>
  /** For 'reversible': undoes it when the run fails; `result` is undefined when the call was cut off. */
  compensate?(result: Result | undefined, input: Input, context: ToolContext): unknown
  /** Of one attempt; the loop's limit by default. */
  readonly timeoutMs?: number
  /** What is done when it fails, in place of the loop's own. */
  readonly recovery?: readonly Recovery[]
}

export type AgentTools = Readonly<Record<string, AgentTool>>

/** Throws INVALID_ARGUMENT. */
export function checkTools(tools: AgentTools): void {
  checkObject(tools, 'tools')
  for (const [name, tool] of Object.entries(tools)) {
    checkName(name, 'name of a tool')
    checkObject(tool, `the tool ${JSON.stringify(name)}`)
    if (typeof tool.run !== 'function') throw invalidArgument(`run of the tool ${JSON.stringify(name)}`, 'a function')
    toolTerms({ effect: tool.effect, ...functionsOf(tool, undefined) }, () => undefined)
  }
}

/** As a tool of a run has them: with the input at hand. */
export function functionsOf(tool: AgentTool, input: unknown): Pick<ToolOptions, 'verify' | 'compensate'> {
  const { verify, compensate } = tool
  return {
    ...(verify === undefined ? {} : { verify: (context: ToolContext) => verify.call(tool, input, context) }),
    ...(compensate === undefined
      ? {}
      : { compensate: (result: unknown, context: ToolContext) => compensate.call(tool, result, input, context) }),
  }
}

/** What the tool is called with. Throws SCHEMA_MISMATCH. */
export function checkedInput(name: string, { schema }: AgentTool, input: unknown): unknown {
  if (schema === undefined) return input
  const checked = schema['~standard'].validate(input)
  if (checked instanceof Promise) {
    checked.catch(() => undefined)
    throw invalidArgument(`the schema of the tool ${JSON.stringify(name)}`, 'one that validates synchronously')
  }
  if (checked.issues === undefined) return checked.value
  throw schemaMismatch(`the input of the tool ${JSON.stringify(name)}`, checked.issues)
}
