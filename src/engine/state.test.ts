// What opening makes of control records that this release does not write.

import { describe, expect, it } from 'vitest'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { diskOf, filesOf, openSample, segmentsOf } from '../testing/sample-journal.ts'
import { verifyDirectory } from './verify.ts'

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

  it('answers for a command alike, however its record is written and wherever it is looked up', async () => {
    const command = { control: 'command', id: 'c1', time: 5, digest: 'd', position: 1, events: [['s', 1, 1]] }
    const usual = forgedControl(command)
    const { control, events, ...rest } = { ...command, id: 'c2', leases: [] }
    const other = forgedControl({ control, events, ...rest })
    const disk = await diskOf(
      forgedJournal([
        { lines: [forgedEvent(1), usual, other] },
        { lines: [forgedEvent(2), forgedControl({ ...command, id: 'c3' })] },
      ]),
    )
    const receipt = { position: 1, seq: 1, events: [{ stream: 's', seq: 1, position: 1 }], leases: [], duplicate: true }
    for (const readOnly of [false, true, false]) {
      const store = await openSample(disk, { readOnly })
      for (const id of ['c1', 'c2', 'c3']) expect(await store.command(id)).toMatchObject(receipt)
      expect(await store.command('c4')).toBeUndefined()
      expect(await store.stats()).toMatchObject({ commands: 3 })
      const { commands } = await store.retain({ commandsBefore: 6 }, { dryRun: true })
      expect(commands).toBe(3)
      await store.close()
    }
    expect((await verifyDirectory(disk, {})).findings).toEqual([])
  })
})
