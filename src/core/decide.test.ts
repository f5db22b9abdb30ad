import { describe, expect, it } from 'vitest'
import type { HoldfastError } from '../errors.ts'
import { decide } from './decide.ts'
import type { DecisionView } from './decision-view.ts'

describe('deciding under a lease', () => {
  it('tells of one that was released before releases left nothing', () => {
    const view = {
      position: 0,
      time: 0,
      command: () => undefined,
      lease: (lease: string) => ({ lease, owner: 'me', token: 3, until: 9, held: false }),
    } as unknown as DecisionView
    const fences = [{ lease: 'l', token: 3 }]
    const event = { stream: 's', type: 't', version: 1, data: 'null', meta: undefined, tagged: false }
    const decision = decide({ events: [event], durability: 'sync', fences } as never, view, 1)
    expect(decision.kind).toBe('refused')
    expect((decision as { readonly error: HoldfastError }).error).toMatchObject({ code: 'LEASE_LOST' })
  })
})
