// What the tests of this folder need of the machine, and why it may not be there.

import { execFileSync, spawnSync } from 'node:child_process'

/** The first of these programs that can be run. */
export function findProgram(names: readonly string[]): string | undefined {
  return names.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined)
}

/** Runs a program; when it fails, with what it said. */
export function run(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stderr = '', message } = error as { readonly stderr?: string; readonly message: string }
    throw new Error(`${program} ${args.join(' ')}: ${stderr.trim() || message}`, { cause: error })
  }
}
