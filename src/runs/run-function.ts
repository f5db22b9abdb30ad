// A run's function, as users write it.

import type { Run } from './run.ts'

export type RunFunction<Input = unknown, Result = unknown> = (run: Run, input: Input) => Promise<Result>
