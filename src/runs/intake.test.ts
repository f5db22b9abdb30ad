import { describe, expect, it } from 'vitest'
import { turns } from '../testing/cut-off-scene.ts'
import { Intake } from './intake.ts'
import { type RunEvent, runEvents } from './run-event.ts'

function event(seq: number, type: string, data: Readonly<Record<string, unknown>>): RunEvent {
  return { seq, type, data, time: seq }
}

function scene(stored: readonly RunEvent[], { ready = Promise.resolve() }: { readonly ready?: Promise<void> } = {}) {
  const met: number[] = []
  let reads = 0
  const intake = new Intake(
    { isOver: false, halt: (error) => expect.unreachable(String(error)) },
    {
      history: {
        async *events(from) {
          reads += 1
          const found = stored.filter(({ seq }) => seq >= from)
          if (reads === 1) await ready
          yield* found
        },
      },
      meet: ({ seq }) => {
        met.push(seq)
        return undefined
      },
      metAll: () => undefined,
    },
  )
  const told = (one: RunEvent) => {
    intake.offer(one)
    intake.pump()
  }
  return { met, told, reads: () => reads }
}

const signal = (seq: number) => event(seq, runEvents.signal, { name: 'go' })
const made = (seq: number) => event(seq, runEvents.step, { key: 'a', seen: 1 })

describe('what lies between two events that are known', () => {
  it('is read when others have told it', async () => {
    const { met, told } = scene([signal(2), signal(3)])
    told(signal(3))
    await turns(5)
    expect(met).toEqual([2, 3])
  })

  it('comes with its receipt when it was made here, and is met once', async () => {
    const { met, told } = scene([made(2), signal(3)])
    told(signal(3))
    await turns(5)
    expect(met).toEqual([])
    told(made(2))
    await turns(5)
    expect(met).toEqual([2, 3])
  })

  it('is read again when something came while it was read', async () => {
    let goOn = (): void => undefined
    const ready = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const stored = [made(2), signal(3)]
    const { met, told } = scene(stored, { ready })
    told(signal(3))
    await turns(5)
    // While it reads: its own receipt, and two from others, of which it is told of the second.
    stored.push(signal(4), signal(5))
    told(made(2))
    told(signal(5))
    goOn()
    await turns(10)
    expect(met).toEqual([2, 3, 4, 5])
  })

  it('is not met when it was made by whoever has taken the run over, nor read again and again', async () => {
    const { met, told, reads } = scene([signal(2), made(3), made(4), signal(5)])
    told(signal(5))
    await turns(20)
    expect(met).toEqual([2])
    expect(reads()).toBeLessThanOrEqual(2)
    expect(met).not.toContain(4)
  })
})
