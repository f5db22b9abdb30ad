// How long it takes from the call of signalRun() in one process until the run in another goes on. Printed, not asserted: how
// busy the machine is, is no property of the code. That each signal arrives, once and in order, is asserted.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { signalRun } from '../../src/run-control.ts'
import { ChildLines } from './child-lines.ts'

const signals = Number(process.env.SIGNALS ?? 40)
const root = fileURLToPath(new URL('../..', import.meta.url))
let parent: string

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  parent = await mkdtemp(join(tmpdir(), 'holdfast-signal-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

class SignalledRun extends ChildLines {
  readonly got: number[] = []
  readonly times: number[] = []
  isOpen = false

  constructor(target: string) {
    super([fileURLToPath(new URL('signalled-run.mjs', import.meta.url)), target])
  }

  protected override line(text: string): void {
    if (text === 'open') this.isOpen = true
    else {
      this.got.push(Number(text.slice('got '.length)))
      this.times.push(performance.now())
    }
  }
}

it.each(['agent', 'agent.db'])('a run of %s goes on with each signal', { timeout: 120_000 }, async (name) => {
  const target = join(parent, name)
  const run = new SignalledRun(target)
  await run.until(() => run.isOpen)
  const took: number[] = []
  for (let n = 0; n < signals; n += 1) {
    const began = performance.now()
    await signalRun(target, 'r', 'next', n)
    await run.until(() => run.got.length > n)
    took.push((run.times[n] ?? 0) - began)
  }
  await run.kill()
  expect(run.got).toEqual(Array.from({ length: signals }, (_, n) => n))
  const [median, worst] = [0.5, 1].map((part) => [...took].sort((a, b) => a - b)[Math.ceil(part * signals) - 1] ?? 0)
  process.stdout.write(`signal, ${name}: median ${median?.toFixed(1)} ms, at most ${worst?.toFixed(1)} ms\n`)
})
