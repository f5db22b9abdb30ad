import { expect, it } from 'vitest'
import { forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { diskOf, type Files, filesOf, openSample, segmentsOf, withFile } from '../testing/sample-journal.ts'

const files = forgedJournal([{ lines: [forgedEvent(1)] }, { lines: [forgedEvent(2)] }])
const [first = ''] = segmentsOf(files)

/** Without its identity. */
const lost: Files = withFile(files, 'journal.json', undefined)

it.each([
  ['all its segments', lost],
  ['its newest segment alone', withFile(lost, first, undefined)],
  ['a newest segment that holds nothing yet', withFile(forgedWithoutEvents(), first, undefined)],
])('a journal that lost its identity and has %s is not made anew', async (_what, left) => {
  const disk = await diskOf(left)
  await expect(openSample(disk)).rejects.toMatchObject({
    code: 'DAMAGED',
    details: { file: 'journal.json', kind: 'identity-missing' },
  })
  const after = await filesOf(disk)
  for (const path of segmentsOf(left)) expect(after.get(path)).toEqual(left.get(path))
  expect(after.has('journal.json')).toBe(false)
})

it('a journal that was cut off while it was made is made anew', async () => {
  const disk = await diskOf(new Map([[first, forgedWithoutEvents().get(first) ?? Buffer.alloc(0)]]))
  const store = await openSample(disk)
  expect(store.head().position).toBe(0)
  expect((await store.verify({})).findings).toEqual([])
  await store.close()
})

function forgedWithoutEvents(): Files {
  return withFile(forgedJournal([{ lines: [] }, { lines: [] }]), 'journal.json', undefined)
}
