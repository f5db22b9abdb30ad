import { expect, it } from 'vitest'
import type { Scope } from './journal-tables.ts'
import type { Link } from './link.ts'
import { PostgresSnapshot } from './snapshot.ts'

it('that can not be begun leaves no connection behind', async () => {
  let drops = 0
  const connection = {
    rows: () => Promise.reject(new Error('the server is shutting down')),
    drop: () => {
      drops += 1
    },
  }
  const link = { patiently: () => Promise.resolve({ connection }) } as unknown as Link
  await expect(PostgresSnapshot.begin(link, {} as Scope)).rejects.toThrow('shutting down')
  expect(drops).toBe(1)
})
