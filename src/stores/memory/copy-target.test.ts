import { expect, it } from 'vitest'
import { fakeClock } from '../../testing/fake-clock.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { CopyNote } from '../copy-port.ts'
import { memoryStore } from '../memory.ts'
import type { ImportRecord } from '../store.ts'

const note: CopyNote = {
  id: '1'.repeat(32),
  from: '/from',
  journal: '2'.repeat(32),
  source: '3'.repeat(32),
  epoch: '3'.repeat(32),
  begun: 7,
}

function event(position: number, more = false): ImportRecord {
  const place = `{"position":${position},"stream":"s","seq":${position},"time":1,"type":"t","data":1`
  return { event: { text: `${place}${more ? ',"more":true' : ''}}`, sum: '00000000' } }
}

const blob: ImportRecord = {
  control:
    '{"control":"blob","digest":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","bytes":1,"data":"YQ=="}',
}

async function* pages(...records: readonly ImportRecord[]) {
  yield records
}

function store() {
  return memoryStore({ clock: fakeClock(), random: seededRandom(1) })
}

it('goes on behind the last whole batch of an earlier attempt, with its blobs', async () => {
  const target = store().copyTarget('target')
  const first = await target.begin(note)
  await first.load(pages(blob, event(1), event(2, true), event(3, true)))
  await first.close()
  expect(await target.look()).toEqual({ kind: 'unfinished', note })
  const second = await target.begin(note)
  expect(second.position).toBe(1)
  expect([await second.hasBlob(blob.control?.slice(28, 92) ?? ''), await second.hasBlob('f'.repeat(64))]).toEqual([
    true,
    false,
  ])
  await second.clear()
  expect([second.position, await second.hasBlob(blob.control?.slice(28, 92) ?? '')]).toEqual([0, false])
  await second.close()
})

it('is held by one copy at a time, and free again when that one is given up', async () => {
  const memory = store()
  const target = memory.copyTarget('target')
  const intake = await target.begin(note)
  await expect(target.begin(note)).rejects.toMatchObject({ code: 'LOCKED' })
  await expect(target.discard()).rejects.toMatchObject({ code: 'LOCKED' })
  await intake.close()
  await expect(target.begin({ ...note, id: '9'.repeat(32) })).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
  await target.discard()
  expect(await target.look()).toEqual({ kind: 'free' })
  await memory.append({ events: [{ stream: 's', type: 't', version: 1, data: '1' }], durability: 'sync' })
  await expect(target.look()).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
})
