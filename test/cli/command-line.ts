// The command line as a user runs it: the built one, in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export class CommandLine {
  readonly #child: ChildProcess
  readonly ended: Promise<Ended>
  #out = ''
  #err = ''

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text
    })
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code) => resolve({ code, out: this.#out, err: this.#err }))
    })
  }

  interrupt(): void {
    this.#child.kill('SIGINT')
  }
}

export function holdfast(...args: readonly string[]): Promise<Ended> {
  return new CommandLine(...args).ended
}
