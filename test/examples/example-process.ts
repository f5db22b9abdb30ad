// An example as its user runs it: a process of its own on the built package, whose lines are read.

import { fileURLToPath } from 'node:url'
import { ChildLines } from '../kill/child-lines.ts'

export class ExampleProcess extends ChildLines {
  readonly lines: string[] = []

  constructor(name: string, args: readonly string[]) {
    super([fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)), ...args], { env: { NO_COLOR: '1' } })
  }

  protected override line(text: string): void {
    this.lines.push(text)
  }

  /** How many lines have this in them. */
  count(part: string): number {
    return this.lines.filter((line) => line.includes(part)).length
  }

  /** Until so many lines have it in them, or the process has ended. */
  async says(part: string, times: number = 1): Promise<void> {
    await this.until(() => this.count(part) >= times)
  }

  async toItsEnd(): Promise<this> {
    await this.ended()
    return this
  }
}
