// What a run is told in the moment in which it begins: behind the last look at its stream, and before there is anything that
// could be offered the event.

import { describe, expect, it } from 'vitest'
import { noProcesses } from '../host/processes.ts'
import type { StreamHead } from '../stores/store.ts'
import { turns } from '../testing/cut-off-scene.ts'
import { runsScene } from '../testing/runs-scene.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import type { Run, RunFunction } from './run.ts'
import type { RunEvent } from './run-event.ts'
import { RunsInHand } from './runs-in-hand.ts'

/** While the step is at work nothing is appended, which would show that something came in between. */
const body = (run: Run) => Promise.race([run.wait('approval'), run.step('long', () => new Promise(() => undefined))])

/** A run that waits for a signal, and works meanwhile, is taken on here. It is signalled when all that is in its stream has been
 * looked at, and this process hears of it by `hears` before the run goes on. */
async function signalledAsItBegins(hears: (inHand: RunsInHand, event: RunEvent) => void): Promise<unknown> {
  const { process, clock, settled } = runsScene()
  const before = process()
  const left = before.run('r', body)
  await turns(20)
  await Promise.all([expect(left).rejects.toMatchObject({ code: 'CLOSED' }), before.close()])

  const journal = process()
  const inHand = new RunsInHand(
    journal,
    { clock, random: seededRandom(9), processes: noProcesses },
    { follow: () => undefined, cancel: () => Promise.resolve() },
  )
  const head = journal.head.bind(journal) as (stream: string) => Promise<StreamHead>
  let signals = 0
  const lookAndTell = async (stream: string): Promise<StreamHead> => {
    const found = await head(stream)
    const lease = await journal.leases.get('run/-/r')
    if (lease?.held !== true) return found
    signals += 1
    await process().signal('r', 'approval', 'yes')
    const event = (await journal.read('run/r').toArray()).at(-1)
    expect(event?.type).toBe('run.signal')
    hears(inHand, event as unknown as RunEvent)
    return found
  }
  journal.head = lookAndTell as typeof journal.head
  const active = inHand.run('r', { call: body }, { options: {} })
  const result = active.join()
  active.enter()
  try {
    return await settled(result)
  } finally {
    expect(signals).toBe(1)
    const closing = inHand.close()
    await result.catch(() => undefined)
    await closing
  }
}

/** What others append to a run is not heard of here: only that something may have been missed. */
async function missedSignal(
  call: RunFunction,
  misses: (signal: () => Promise<unknown>) => Promise<void>,
): Promise<unknown> {
  const { process, clock, settled } = runsScene()
  const before = process()
  const left = before.run('r', call)
  await turns(40)
  await Promise.all([expect(left).rejects.toMatchObject({ code: 'CLOSED' }), before.close()])

  const inHand = new RunsInHand(
    process(),
    { clock, random: seededRandom(9), processes: noProcesses },
    { follow: () => undefined, cancel: () => Promise.resolve() },
  )
  const active = inHand.run('r', { call }, { options: {} })
  const result = active.join()
  const missed = misses(async () => {
    await process().signal('r', 'approval', 'yes')
    inHand.missed()
  })
  active.enter()
  await missed
  try {
    return await settled(result)
  } finally {
    const closing = inHand.close()
    await result.catch(() => undefined)
    await closing
  }
}

describe('a run in hand that was told something nobody has heard of', () => {
  const later = async (signal: () => Promise<unknown>): Promise<void> => {
    await turns(40)
    await signal()
  }

  it('looks again while something of it is at work', async () => {
    expect(await missedSignal(body as RunFunction, later)).toBe('yes')
  })

  it('looks again when it has met its history', async () => {
    let inHistoryNow = (): Promise<unknown> => Promise.resolve()
    const call: RunFunction = async (run) => {
      await run.step('before', () => 1)
      await inHistoryNow()
      return body(run)
    }
    const inHistory = async (signal: () => Promise<unknown>): Promise<void> => {
      inHistoryNow = signal
    }
    expect(await missedSignal(call, inHistory)).toBe('yes')
  })

  it('looks again while it rests in memory', async () => {
    expect(await missedSignal((run) => run.wait('approval'), later)).toBe('yes')
  })
})

describe('a run that is told something while it begins', () => {
  it('is given it, when the event itself was told', async () => {
    expect(await signalledAsItBegins((inHand, event) => inHand.told('r', event))).toBe('yes')
  })

  it('is given it, when all that is known is that something was missed', async () => {
    expect(await signalledAsItBegins((inHand) => inHand.missed())).toBe('yes')
  })
})
