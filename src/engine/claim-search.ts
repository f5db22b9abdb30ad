// What a claim can take, from the agenda's front in memory (due-window.ts): first what must be loaded so that the claim can
// be judged, then the entries themselves.
//
// Invariants: it is asked while the claim stands at the head of the queue, so that nothing changes the agenda or a lease
// between the loads and the judgement. What is claimable when nothing is missing still is a moment later: time only frees.

import type { AgendaControl } from '../core/control.ts'
import { isHeld } from '../core/decide.ts'
import type { DueItem } from '../core/decision-view.ts'
import { leaseFloorName } from '../core/lease-floor.ts'
import type { TimeMs } from '../core/numbers.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ClaimQuery, LeaseState } from '../stores/store.ts'
import type { DueEntry, DuePlace } from './due-window.ts'
import type { State } from './state.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'

const loadsAtOnce = 256
const floorKey = stateKeys.lease(leaseFloorName)

export class ClaimSearch {
  readonly #state: State
  #extending: Promise<void> | undefined

  constructor(state: State) {
    this.#state = state
  }

  /** Loads without which the claim can't be judged; undefined when it can be. */
  missing(claim: ClaimQuery, time: TimeMs): readonly Promise<unknown>[] | undefined {
    const { due: window } = this.#state
    const loads: Promise<unknown>[] = []
    let walked = 0
    let free = 0
    for (const entry of window.entries) {
      if (entry.due > claim.dueBy || free >= claim.limit || loads.length >= loadsAtOnce) break
      walked++
      if (!entry.id.startsWith(claim.prefix ?? '')) continue
      if (entry.lease === undefined) entry.lease = this.#state.entry<LeaseState>(stateKeys.lease(entry.id))
      if (entry.lease === undefined) loads.push(this.#loadLease(entry))
      else if (isHeld(entry.lease ?? undefined, time)) continue
      else if (this.#item(entry.id) === undefined) loads.push(this.#state.loadEntry(stateKeys.agenda(entry.id)))
      free++
    }
    if (free > 0 && this.#state.entry(floorKey) === undefined) loads.push(this.#state.loadEntry(floorKey))
    if (loads.length > 0) return loads
    window.walked(walked)
    if (free >= claim.limit || window.reaches(claim.dueBy)) return undefined
    this.#extending ??= this.#extend()
    return [this.#extending]
  }

  /** In order. What was held when nothing was missing may be left out. */
  *due(claim: ClaimQuery): Generator<DueItem, void, undefined> {
    for (const { due, id, lease } of this.#state.due.entries) {
      if (due > claim.dueBy) return
      if (!id.startsWith(claim.prefix ?? '')) continue
      const item = this.#item(id)
      if (item === undefined || item === null || lease === undefined) continue
      const data = item.data === undefined ? undefined : JSON.stringify(item.data)
      yield { item: { id, due, data }, lease: lease ?? undefined }
    }
  }

  #item(id: string): AgendaControl | null | undefined {
    return this.#state.entry<AgendaControl>(stateKeys.agenda(id))
  }

  async #loadLease(entry: DueEntry): Promise<void> {
    const lease = await this.#state.loadEntry<LeaseState>(stateKeys.lease(entry.id))
    if (entry.lease === undefined) entry.lease = lease
  }

  /** Reads on from the bound. */
  async #extend(): Promise<void> {
    const { due: window } = this.#state
    const { bound, version } = window
    assert(bound !== 'all', 'a window that reaches everything is not extended')
    try {
      const found: DuePlace[] = []
      const after = bound === 'none' ? undefined : stateKeys.due(bound.due, bound.id)
      for await (const page of this.#state.scan(kindPrefix.due, after)) {
        for (const [key] of page) found.push(placeOf(key))
        if (found.length >= limits.dueWindowEntries) break
      }
      assert(window.version === version, 'nothing is judged while the claim at the head of the queue waits')
      const last = found.at(-1)
      window.extend(found, last === undefined || found.length < limits.dueWindowEntries ? 'all' : last)
    } finally {
      this.#extending = undefined
    }
  }
}

function placeOf(key: string): DuePlace {
  const digits = kindPrefix.due.length
  return { due: Number(key.slice(digits, digits + 16)), id: key.slice(digits + 17) }
}
