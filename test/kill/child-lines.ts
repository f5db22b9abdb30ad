// A child process that tells what happens in lines on its standard output, as its parent sees it: each line as it comes,
// ways to wait for what is said next, and signals.

import { type ChildProcess, spawn } from 'node:child_process'

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
}

export abstract class ChildLines {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #rest = ''
  #waiting: (() => void)[] = []
  #hasEnded = false
  #signal: NodeJS.Signals | null = null
  #code: number | null = null

  /** `args`: a script and what it is given. */
  protected constructor(args: readonly string[], options: ChildOptions = {}) {
    const env = options.env === undefined ? process.env : { ...process.env, ...options.env }
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.#ended = new Promise((resolve) => {
      // Not before all that it had said was read.
      this.#child.on('close', (code, signal) => {
        this.#code = code
        this.#signal = signal
        this.#hasEnded = true
        this.#wake()
        resolve()
      })
    })
  }

  /** A whole line, without its end. */
  protected abstract line(text: string): void

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.line(line)
    this.#wake()
  }

  #wake(): void {
    for (const waiting of this.#waiting.splice(0)) waiting()
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** How it ended, for messages. */
  get end(): string {
    return this.#signal ?? String(this.#code)
  }

  /** Resolves when the condition holds, or when the process has ended. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#hasEnded) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }

  ended(): Promise<void> {
    return this.#ended
  }
}
