// What becomes of a connection that is still being made when the pool is closed: nobody would close it any more, and a socket
// that is open keeps its process from ending.

import { expect, it } from 'vitest'
import type { Link, Linked } from './link.ts'
import { SidePool } from './side-pool.ts'

function scene() {
  let isGone = false
  const connection = {
    isLost: false,
    send: () => Promise.resolve([{ rows: [{ one: 1 }] }]),
    drop: () => {
      isGone = true
    },
    close: () => {
      isGone = true
      return Promise.resolve()
    },
  }
  let arrive: () => void = () => undefined
  const link = {
    patiently: () =>
      new Promise<Linked>((resolve) => {
        arrive = () => resolve({ connection } as unknown as Linked)
      }),
  }
  const pool = new SidePool(link as unknown as Link)
  return { pool, arrive: () => arrive(), isGone: () => isGone }
}

it('closes a connection that was being made when it was closed', async () => {
  const { pool, arrive, isGone } = scene()
  const asked = pool.rows('select 1 as one').catch((error: unknown) => error)
  await pool.close()
  arrive()
  expect(await asked).toMatchObject({ code: 'CLOSED' })
  expect(isGone()).toBe(true)
})

it('keeps one for the next who asks, and closes it with itself', async () => {
  const { pool, arrive, isGone } = scene()
  const asked = pool.rows('select 1 as one')
  arrive()
  expect(await asked).toEqual([{ one: 1 }])
  expect(await pool.rows('select 1 as one')).toEqual([{ one: 1 }])
  expect(isGone()).toBe(false)
  await pool.close()
  expect(isGone()).toBe(true)
  await expect(pool.rows('select 1 as one')).rejects.toMatchObject({ code: expect.any(String) })
})
