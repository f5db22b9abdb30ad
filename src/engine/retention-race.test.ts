// Appends go on while retention looks at the log: what it looks at may be sealed under its eyes.

import { expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { appendTo, openSmall, placesIn } from '../testing/small-segments.ts'
import { parseSegmentName, segmentName, segmentPath } from './layout.ts'
import { listNames } from './whole-file.ts'

it.each([
  ['age', (now: number) => ({ before: now })],
  ['size', () => ({ bytesMax: 1_000 })],
])('a rule by %s takes no more than it asks for when a segment is sealed while it is looked into', async (by, at) => {
  const clock = fakeClock()
  const { disk, hold } = heldDisk(memoryDisk())
  const store = await openSmall(disk, { clock })
  await appendTo(store, 'a', 12) // the last ones in a second segment, which nobody has read yet
  clock.advance(1_000)
  const rule = at(clock.now())
  await appendTo(store, 'a', 2)
  const looking = hold('open', (path) => path === segmentPath(segmentName(11, 0)))
  const retained = store.retain(rule, { dryRun: false })
  await looking.reached
  await appendTo(store, 'a', 10)
  const third = parseSegmentName((await listNames(disk, 'segments')).toSorted()[2] ?? '')
  looking.release()
  await retained
  const left = await placesIn(store.read({ select: { kind: 'all' }, direction: 'forward' }))
  if (by === 'age') expect(left).toEqual([13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24])
  // At most as many bytes as the rule says, and not the whole of what was just sealed.
  else expect(left).toContain((third?.first ?? 0) - 1)
  expect(left.at(-1)).toBe(24)
  await store.close()
})
