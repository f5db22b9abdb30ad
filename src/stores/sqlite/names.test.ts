// Numbers of names are remembered by each connection, and must be the table's own whatever the other one did.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, event } from '../../testing/conformance/batches.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { Judging } from '../sql/judging.ts'
import { wantedBy } from '../sql/wanted.ts'
import { SqliteBackend } from './backend.ts'

let file: ScratchFile
let backend: SqliteBackend

beforeEach(async () => {
  file = await scratchFile()
  const clock = fakeClock()
  await (await openSqlite(file.path, { clock })).close()
  const place = { driver: await testDriver(), path: file.path, label: 'agent.db', clock, copyTo: undefined }
  backend = SqliteBackend.open({ ...place, readOnly: undefined })
})
afterEach(async () => {
  await backend.close()
  await file.remove()
})

async function put(...names: readonly string[]): Promise<void> {
  const one = batch(names.map((name) => event(name, { type: `of ${name}` })))
  const group = await backend.begin(wantedBy([one], 1))
  const judging = new Judging(group.found, { staged: () => undefined })
  judging.judge(one, 1)
  const write = judging.write({ sync: true, claimsEnded: { owner: '', digests: [] } })
  if (write !== undefined) await group.commit(write)
}

async function read(): Promise<readonly string[]> {
  const { rows } = await backend.events({
    select: { kind: 'all' },
    from: 1,
    to: 100,
    direction: 'forward',
    rowsMax: 100,
    bytesMax: 100_000,
  })
  return rows.map(({ stream, type }) => `${stream}: ${type}`)
}

it('reads what is written after all was cleared', async () => {
  await put('a', 'b')
  expect(await read()).toEqual(['a: of a', 'b: of b'])
  const upkeep = await backend.upkeep()
  await upkeep.clear()
  await upkeep.setHead({ position: 0, durable: 0, events: 0, bytes: 0 })
  // Until it is committed, what was there is what is read.
  expect(await read()).toEqual(['a: of a', 'b: of b'])
  await upkeep.commit()
  await put('b', 'a')
  expect(await read()).toEqual(['b: of b', 'a: of a'])
})
