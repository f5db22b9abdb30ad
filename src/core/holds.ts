// Which pins keep an event from retention, found by its stream. Pure.

import type { PinState } from '../stores/store.ts'
import type { Position, Seq } from './numbers.ts'
import { compareUtf8 } from './utf8-order.ts'

export interface HeldEvent {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
}

export class Holds {
  readonly #journalWide: readonly PinState[]
  readonly #byStream: ReadonlyMap<string, readonly PinState[]>

  constructor(pins: readonly PinState[]) {
    this.#journalWide = pins.filter((pin) => pin.stream === undefined)
    const byStream = new Map<string, PinState[]>()
    for (const pin of pins) {
      if (pin.stream === undefined) continue
      const others = byStream.get(pin.stream)
      if (others === undefined) byStream.set(pin.stream, [pin])
      else others.push(pin)
    }
    this.#byStream = byStream
  }

  any(event: HeldEvent): boolean {
    return this.of(event).length > 0
  }

  hard(event: HeldEvent): boolean {
    return this.of(event).some((pin) => pin.until === undefined)
  }

  /** Names of the pins that keep any of these, in order of name. */
  namesOf(events: readonly HeldEvent[]): readonly string[] {
    return [...new Set(events.flatMap((event) => this.of(event).map((pin) => pin.pin)))].sort(compareUtf8)
  }

  of(event: HeldEvent): readonly PinState[] {
    const wide = this.#journalWide.filter((pin) => event.position >= pin.from)
    const own = this.#byStream.get(event.stream)?.filter((pin) => event.seq >= pin.from)
    return own === undefined ? wide : [...wide, ...own]
  }
}
