// The writing process as its parent sees it: started, listened to, killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { packagePlace } from '../package-place.ts'

export interface WriterPlan {
  readonly directory: string
  readonly seed: number
  readonly writer: number
  readonly callers: number
  readonly segmentBytes: number
}

export interface WriterEvents {
  acknowledged(n: number, places: readonly (readonly [seq: number, position: number])[]): void
}

/** By us, or by somebody who ends the whole run. */
const ends: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGINT', 'SIGTERM', 'SIGHUP'])

export class KilledWriter {
  readonly #child: ChildProcess
  readonly #events: WriterEvents
  readonly #ended: Promise<void>
  readonly #opened: Promise<void>
  #open: () => void = () => undefined
  #rest = ''
  /** It could not go on by itself, and said so. */
  error: string | undefined

  constructor({ directory, seed, writer, callers, segmentBytes }: WriterPlan, events: WriterEvents) {
    this.#events = events
    const script = fileURLToPath(new URL('dist/cli/torture/writer.js', packagePlace))
    const args = [script, directory, ...[seed, writer, callers, segmentBytes].map(String)]
    this.#opened = new Promise((resolve) => {
      this.#open = resolve
    })
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      // Not before all that it said was read: what stood in the pipe when it died counts.
      this.#child.on('close', (code, signal) => {
        if (signal === null || !ends.has(signal)) this.error ??= `it ended with ${signal ?? `code ${code}`}`
        this.#open()
        resolve()
      })
    })
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const [kind, n, places = ''] = line.split(' ')
      if (kind === 'open') this.#open()
      else if (kind === 'error') this.error = line.slice('error '.length)
      else if (kind === 'ack') this.#events.acknowledged(Number(n), places.split(',').map(placeOf))
    }
  }

  /** Resolves when the journal is open, or never will be. */
  opened(): Promise<void> {
    return this.#opened
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

function placeOf(text: string): readonly [number, number] {
  const [seq = 0, position = 0] = text.split(':').map(Number)
  return [seq, position]
}
