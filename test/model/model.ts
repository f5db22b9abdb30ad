// What a journal is, in a hundred lines: a list of events and some maps. It knows no disk, no crash and no page; every
// store must be indistinguishable from it.

import { compareUtf8 } from '../../src/core/utf8-order.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { LeaseGrant, LeaseState, PinState } from '../../src/stores/store.ts'

export interface ModelEvent {
  readonly position: number
  readonly stream: string
  readonly seq: number
  readonly time: number
  readonly type: string
  readonly n: number
  readonly blob: string | undefined
}

export interface ModelAppend {
  readonly events: readonly {
    readonly stream: string
    readonly type: string
    readonly n: number
    readonly blob?: string
  }[]
  readonly expect?: { readonly stream: string; readonly seq: number }
  readonly commandId?: string
  readonly agenda?: { readonly id: string; readonly due: number | null }
  readonly lease?: { readonly lease: string; readonly ttl: number } & (
    | { readonly acquire: string }
    | { readonly renew: number }
  )
  readonly release?: { readonly lease: string; readonly release: number }
  readonly fence?: { readonly lease: string; readonly token: number }
  readonly pin?: { readonly pin: string; readonly stream?: string; readonly from: number | null; readonly ttl?: number }
  readonly releases?: { readonly stream: string; readonly through?: number }
}

export interface ModelReceipt {
  readonly position: number
  readonly seq: number
  readonly events: readonly { readonly stream: string; readonly seq: number; readonly position: number }[]
  readonly leases: readonly LeaseGrant[]
  readonly duplicate: boolean
}

export interface ModelRule {
  readonly olderThan?: number
  readonly streams?: readonly { readonly stream: string; readonly before: number | 'all' }[]
  readonly released?: boolean
  readonly commandsOlderThan?: number
}

export class Model {
  /** Retained, by position. */
  events: readonly ModelEvent[] = []
  readonly removed: ModelEvent[] = []
  position = 0
  readonly heads: Map<string, { readonly seq: number; readonly position: number }> = new Map()
  readonly commands: Map<string, { readonly content: string; readonly time: number; readonly receipt: ModelReceipt }> =
    new Map()
  readonly agenda: Map<string, number> = new Map()
  readonly leases: Map<string, LeaseState> = new Map()
  /** The highest token of those that were released. */
  #leaseFloor = 0
  readonly #pins: Map<string, PinState> = new Map()
  readonly #released: Map<string, number> = new Map()

  append(append: ModelAppend, now: number): ModelReceipt | ErrorCode {
    const { expect, commandId, agenda, fence, pin, releases, ...rest } = append
    const changes = [agenda, rest.lease, rest.release, pin, releases].filter((change) => change !== undefined)
    if (append.events.length + changes.length === 0) {
      return { position: this.position, seq: 0, events: [], leases: [], duplicate: false }
    }
    const content = JSON.stringify([append.events, agenda, rest.lease, rest.release, pin, releases])
    const known = commandId === undefined ? undefined : this.commands.get(commandId)
    if (known !== undefined)
      return known.content === content ? { ...known.receipt, duplicate: true } : 'COMMAND_CONFLICT'
    if (fence !== undefined && !this.#holds(fence)) return 'LEASE_LOST'
    if (expect !== undefined && this.seq(expect.stream) !== expect.seq) return 'SEQ_CONFLICT'
    const lease = this.#judgeLease(rest, now)
    if (typeof lease === 'string') return lease
    const places = append.events.map((event) => this.#place(event, now))
    if (agenda !== undefined) {
      if (agenda.due === null) this.agenda.delete(agenda.id)
      else this.agenda.set(agenda.id, agenda.due)
    }
    if (lease !== undefined) this.#setLease(lease)
    if (pin !== undefined) this.#pin(pin, now)
    if (releases !== undefined) {
      const { stream, through = this.seq(stream) } = releases
      this.#released.set(stream, Math.max(through, this.#released.get(stream) ?? 0))
    }
    const last = places.at(-1)
    const grants = lease?.held === true ? [{ lease: lease.lease, token: lease.token, until: lease.until }] : []
    const receipt = { position: this.position, seq: last?.seq ?? 0, events: places, leases: grants, duplicate: false }
    if (commandId !== undefined) this.commands.set(commandId, { content, time: now, receipt })
    return receipt
  }

  seq(stream: string): number {
    return this.heads.get(stream)?.seq ?? 0
  }

  earliest(stream: string): number {
    return this.events.find((event) => event.stream === stream)?.seq ?? this.seq(stream) + 1
  }

  pins(now: number): readonly PinState[] {
    return [...this.#pins.values()].filter(({ until }) => until === undefined || until > now)
  }

  due(by: number): readonly { readonly id: string; readonly due: number }[] {
    const items = [...this.agenda].map(([id, due]) => ({ id, due })).filter(({ due }) => due <= by)
    return items.sort((a, b) => a.due - b.due || compareUtf8(a.id, b.id))
  }

  retain(
    rule: ModelRule,
    now: number,
    dryRun: boolean,
  ): { events: number; streams: number; commands: number; heldBy: string[] } {
    const pins = this.pins(now)
    const holding = (event: ModelEvent): readonly PinState[] =>
      pins.filter(({ stream, from }) =>
        stream === undefined ? event.position >= from : stream === event.stream && event.seq >= from,
      )
    const wanted = this.events.filter((event) => this.#isWanted(event, rule, now))
    const gone = new Set(wanted.filter((event) => holding(event).length === 0))
    const forgotten = [...this.commands].filter(
      ([, { time }]) => time < now - (rule.commandsOlderThan ?? Number.POSITIVE_INFINITY),
    )
    const heldBy = [...new Set(wanted.flatMap((event) => holding(event).map(({ pin }) => pin)))].sort(compareUtf8)
    if (!dryRun) {
      this.events = this.events.filter((event) => !gone.has(event))
      this.removed.push(...gone)
      for (const [id] of forgotten) this.commands.delete(id)
    }
    return {
      events: gone.size,
      streams: new Set([...gone].map(({ stream }) => stream)).size,
      commands: forgotten.length,
      heldBy,
    }
  }

  #isWanted(event: ModelEvent, rule: ModelRule, now: number): boolean {
    if (rule.olderThan !== undefined && event.time < now - rule.olderThan) return true
    if (rule.released === true && event.seq <= (this.#released.get(event.stream) ?? 0)) return true
    return (rule.streams ?? []).some(
      ({ stream, before }) => stream === event.stream && (before === 'all' || event.seq < before),
    )
  }

  #place({ stream, type, n, blob }: ModelAppend['events'][number], time: number): ModelReceipt['events'][number] {
    const place = { stream, seq: this.seq(stream) + 1, position: ++this.position }
    this.heads.set(stream, place)
    this.events = [...this.events, { ...place, time, type, n, blob }]
    return place
  }

  #holds({ lease, token }: { readonly lease: string; readonly token: number }): boolean {
    const state = this.leases.get(lease)
    return state?.held === true && state.token === token
  }

  #judgeLease(
    { lease, release }: Pick<ModelAppend, 'lease' | 'release'>,
    now: number,
  ): LeaseState | ErrorCode | undefined {
    if (release !== undefined) {
      const state = this.leases.get(release.lease)
      if (state === undefined || !this.#holds({ lease: release.lease, token: release.release })) return 'LEASE_LOST'
      return { ...state, until: now, held: false }
    }
    if (lease === undefined) return undefined
    const state = this.leases.get(lease.lease)
    const until = now + lease.ttl
    if ('renew' in lease) {
      if (state === undefined || !this.#holds({ lease: lease.lease, token: lease.renew })) return 'LEASE_LOST'
      return { ...state, until }
    }
    if (state?.held === true && state.owner !== lease.acquire && state.until > now) return 'LEASE_HELD'
    return {
      lease: lease.lease,
      owner: lease.acquire,
      token: (state?.token ?? this.#leaseFloor) + 1,
      until,
      held: true,
    }
  }

  #setLease(lease: LeaseState): void {
    if (lease.held) this.leases.set(lease.lease, lease)
    else {
      this.leases.delete(lease.lease)
      this.#leaseFloor = Math.max(this.#leaseFloor, lease.token)
    }
  }

  #pin({ pin, stream, from, ttl }: NonNullable<ModelAppend['pin']>, now: number): void {
    if (from === null) this.#pins.delete(pin)
    else this.#pins.set(pin, { pin, stream, from, until: ttl === undefined ? undefined : now + ttl })
  }
}
