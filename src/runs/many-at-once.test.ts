// More runs at once than begin at once: all of them go on, also those that wait for one another, and however many there are.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { limits } from '../limits.ts'
import { runsScene } from '../testing/runs-scene.ts'

const count = 2 * limits.runsWakingAtOnce
const ids = Array.from({ length: count }, (_, at) => `r${at}`)
const all = ids.map((id) => `${id} goes on`)

/** Runs none of which goes on before the last has begun. */
function startAll(journal: HoldfastJournal): Promise<readonly string[]> {
  let open: () => void = () => undefined
  const isOpen = new Promise<void>((resolve) => {
    open = resolve
  })
  const running = ids.map((id) =>
    journal.run(id, async (run) => {
      if (id === ids.at(-1)) open()
      await isOpen
      const said = await run.step('say', () => `${id} goes on`)
      await run.wait('end')
      return said
    }),
  )
  return Promise.all(running)
}

describe('more runs than begin at once', () => {
  it('all begin, though each waits for the last, and again when they are replayed', async () => {
    const scene = runsScene()
    const before = scene.process()
    const cut = startAll(before)
    cut.catch(() => undefined)
    await scene.until(async () => (await before.agenda.list({ prefix: 'run/' })).filter(isWaiting).length === count, 1)
    await before.close()
    await expect(cut).rejects.toMatchObject({ code: 'CLOSED' })

    const journal = scene.process()
    const running = startAll(journal)
    await Promise.all(ids.map((id) => journal.signal(id, 'end')))
    expect(await scene.settled(running, 1)).toEqual(all)
  })

  it('are let go of when the journal is closed before most of them have begun', async () => {
    const journal = runsScene().process()
    const outcomes = Promise.allSettled(ids.map((id) => journal.run(id, (run) => run.sleep('1h'))))
    await journal.close()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'CLOSED' } })
  })
})

function isWaiting({ data }: { readonly data: unknown }): boolean {
  return (data as { readonly state: string }).state === 'waiting'
}
