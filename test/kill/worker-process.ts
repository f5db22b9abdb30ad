// A worker in a process of its own (run-worker.mjs), as its parent sees it.

import { fileURLToPath } from 'node:url'
import { ChildLines } from './child-lines.ts'

export interface WorkerPlan {
  readonly target: string
  readonly leaseTtl: string
  readonly stepsPerRun: number
  /** In the first step of each of its runs, for ever. */
  readonly stays?: boolean
}

export class WorkerProcess extends ChildLines {
  /** `<run> <step>`, in the order in which their functions were called. */
  readonly steps: string[] = []
  readonly errors: string[] = []
  isOpen = false

  constructor({ target, leaseTtl, stepsPerRun, stays = false }: WorkerPlan) {
    const script = fileURLToPath(new URL('run-worker.mjs', import.meta.url))
    super([script, target, leaseTtl, `${stepsPerRun}`, ...(stays ? ['stays'] : [])])
  }

  protected override line(text: string): void {
    if (text === 'open') this.isOpen = true
    else if (text.startsWith('step ')) this.steps.push(text.slice(5))
    else if (text.startsWith('error ')) this.errors.push(text.slice(6))
  }
}
