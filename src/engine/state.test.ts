// What opening makes of control records that this release does not write.

import { describe, expect, it } from 'vitest'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { diskOf, filesOf, openSample, segmentsOf } from '../testing/sample-journal.ts'

const all = { select: { kind: 'all' }, direction: 'forward' } as const

describe('a log', () => {
  it('with a record of a kind that only a newer release knows is not opened, and stays as it is', async () => {
    const vote = forgedControl({ control: 'vote', for: 's' })
    const files = forgedJournal([{ lines: [forgedEvent(1), vote] }, { lines: [forgedEvent(2)] }])
    for (const readOnly of [false, true]) {
      const disk = await diskOf(files)
      await expect(openSample(disk, { readOnly })).rejects.toMatchObject({ code: 'NEWER_FORMAT' })
      const after = await filesOf(disk)
      for (const path of segmentsOf(files)) expect(after.get(path)).toEqual(files.get(path))
    }
  })

  it('whose record of a retention names no stream that keeps something keeps nothing below the cut', async () => {
    const retain = (keep: object) => forgedControl({ control: 'retain', time: 5, before: 3, ...keep })
    const kept = [forgedEvent(1), forgedEvent(2), retain({ keep: [['s', 2]] })]
    const next = { lines: [forgedEvent(3)], header: { first: 3 } }
    const positions = async (lines: readonly string[]) => {
      const store = await openSample(await diskOf(forgedJournal([{ lines }, next])))
      const events = await readEvents(store, all)
      await store.close()
      return events.map(({ position }) => position)
    }
    expect(await positions(kept)).toEqual([2, 3])
    expect(await positions([...kept, retain({})])).toEqual([3])
  })
})
