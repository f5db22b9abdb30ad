// Content that is staged, and collecting: one after the other, or what a stager has just found could be gone before it has
// claimed it. Appends wait for neither.

import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { wantedBy } from '../../src/stores/sql/wanted.ts'
import { openBackend } from './journals.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)
afterAll(() => server.dispose())

it('waits for upkeep, and not for a group', async () => {
  const url = await server.database()
  const [one, other] = [await openBackend(url), await openBackend(url)]
  const claim = { owner: 'o', until: 5_000 }
  const data = Buffer.alloc(100, 1)
  const digest = createHash('sha256').update(data).digest('hex')
  const arriving = await other.beginBlob(claim)
  const steps = [
    () => other.addChunks(arriving, [{ digest, data }]),
    () => other.finishBlob(arriving, { digest, bytes: data.length }, claim),
    () => other.endClaims(claim.owner, [digest]),
  ]
  for (const step of steps) {
    const upkeep = await one.upkeep()
    let isDone = false
    const done = step().then(() => {
      isDone = true
    })
    while (!isDone && (await waitingForLocks()) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(isDone).toBe(false)
    await upkeep.rollback()
    await done
  }
  const group = await one.begin(wantedBy([], 1))
  await other.abandonBlob(await other.beginBlob(claim))
  await group.rollback()
  await Promise.all([one.close(), other.close()])
})

it('keeps pieces that another arrival has too, when one of the two is given up', async () => {
  const url = await server.database()
  const database = new URL(url).pathname.slice(1)
  const backend = await openBackend(url)
  const claim = { owner: 'o', until: 5_000 }
  const data = Buffer.alloc(100, 2)
  const digest = createHash('sha256').update(data).digest('hex')
  const [one, other] = [await backend.beginBlob(claim), await backend.beginBlob(claim)]
  for (const arriving of [one, other]) await backend.addChunks(arriving, [{ digest, data }])
  await backend.abandonBlob(one)
  const upkeep = await backend.upkeep()
  await upkeep.collectBlobs(1_000, 10)
  await upkeep.commit()
  await backend.finishBlob(other, { digest, bytes: data.length }, claim)
  expect((await backend.chunks(digest, 0, 1_000)).map((chunk) => Buffer.compare(chunk.data, data))).toEqual([0])
  // What nobody finishes goes when its claim has run out.
  const last = await backend.beginBlob(claim)
  await backend.addChunks(last, [{ digest: 'e'.repeat(64), data: Buffer.alloc(9) }])
  const late = await backend.upkeep()
  expect(await late.collectBlobs(5_000, 10)).toBe(1)
  await late.commit()
  const [left] = await server.query<{ n: number }>('select count(*)::integer as n from holdfast.chunk', [], database)
  expect(left?.n).toBe(0)
  await backend.close()
})

async function waitingForLocks(): Promise<number> {
  const rows = await server.query<{ n: number }>(
    "select count(*)::integer as n from pg_stat_activity where wait_event_type = 'Lock'",
  )
  return rows[0]?.n ?? 0
}
