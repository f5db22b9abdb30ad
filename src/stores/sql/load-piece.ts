// Rows of an import that are written together. Each row once, the newest: records may follow one another.

import type { Control } from '../../core/control.ts'
import { never } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { ImportedEvent } from '../import-record.ts'
import type { GroupWrite, SqlUpkeep } from './backend.ts'
import type { CommandRow, LeaseRow, NewEventRow, StreamRow } from './rows.ts'

type LoadWrite = Parameters<SqlUpkeep['load']>[0]

export class LoadPiece {
  readonly #events: NewEventRow[] = []
  readonly #streams: Set<string> = new Set()
  readonly #commands: Map<string, CommandRow> = new Map()
  readonly #agenda: Map<string, GroupWrite['agenda'][number]> = new Map()
  readonly #leases: Map<string, LeaseRow> = new Map()
  readonly #pins: Map<string, GroupWrite['pins'][number]> = new Map()
  readonly #blobs: Map<string, GroupWrite['blobs'][number]> = new Map()
  #rows = 0
  #bytes = 0

  get isEmpty(): boolean {
    return this.#rows === 0
  }

  get isFull(): boolean {
    return this.#rows >= limits.pageEventsMax || this.#bytes >= limits.groupBytesMax
  }

  addEvent(event: ImportedEvent): void {
    const { position, stream, seq, time, type, sum, text, blobs } = event
    this.#events.push({ position, stream, seq, time, type, sum, text, blobs: [...new Set(blobs)] })
    this.#bytes += text.length
    this.touch(stream)
  }

  /** Its row is to be written. */
  touch(stream: string): void {
    this.#streams.add(stream)
    this.#rows++
  }

  addBlob(digest: string, data: Uint8Array): void {
    this.#blobs.set(digest, { digest, bytes: data.length, data })
    this.#rows++
    this.#bytes += data.length
  }

  addState(control: Control): void {
    this.#rows++
    switch (control.control) {
      case 'agenda': {
        const { id, due, data } = control
        const text = data === undefined ? undefined : JSON.stringify(data)
        this.#agenda.set(id, due === null ? { id, due } : { id, due, data: text })
        return
      }
      case 'lease': {
        const { lease, owner, token, until, held } = control
        this.#leases.set(lease, { lease, owner, token, until, held })
        return
      }
      case 'command':
        this.#commands.set(control.id, { id: control.id, time: control.time, text: JSON.stringify(control) })
        this.#bytes += control.events.length * 32
        return
      case 'pin': {
        const { pin, stream, from, until } = control
        this.#pins.set(pin, from === null ? { pin, from } : { pin, stream, from, until })
        return
      }
      case 'witness':
      case 'retain':
      case 'rewrite':
        // They describe a log. Their time was taken.
        return
      default:
        never(`a ${control.control} record is taken elsewhere`)
    }
  }

  write(row: (stream: string) => StreamRow): LoadWrite {
    return {
      head: {},
      events: this.#events,
      streams: [...this.#streams].map(row),
      commands: [...this.#commands.values()],
      agenda: [...this.#agenda.values()],
      leases: [...this.#leases.values()],
      pins: [...this.#pins.values()],
      blobs: [...this.#blobs.values()],
    }
  }
}
