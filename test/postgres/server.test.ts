// The test's own servers: they start, survive kill -9 with what was committed, replicate, and leave nothing behind.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ChildLines } from '../kill/child-lines.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

it('keeps what was committed when it is killed, and leaves no process and no data behind', {
  timeout: startTimeoutMs,
}, async () => {
  const server = await PostgresServer.start()
  const { pid } = server
  const [place] = await server.query<{ data_directory: string }>('show data_directory')
  await server.query('create table t (n int)')
  await server.query('insert into t values (1)')
  await server.kill()
  await server.run()
  expect(await server.query('select n from t')).toEqual([{ n: 1 }])
  await server.kill()
  await server.dispose()
  expect(() => process.kill(pid, 0)).toThrow()
  expect(existsSync(place?.data_directory ?? '/')).toBe(false)
})

class Holder extends ChildLines {
  directory = ''
  pid = 0

  constructor() {
    super([fileURLToPath(new URL('holder.mjs', import.meta.url))])
  }

  protected override line(text: string): void {
    const [kind, value = ''] = text.split(' ')
    if (kind === 'directory') this.directory = value
    else this.pid = Number(value)
  }
}

it('goes with its data when the process of its test is killed', { timeout: startTimeoutMs }, async () => {
  const holder = new Holder()
  await holder.until(() => holder.pid > 0)
  expect(existsSync(holder.directory)).toBe(true)
  process.kill(holder.pid, 0)
  holder.signal('SIGKILL')
  while (existsSync(holder.directory)) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(() => process.kill(holder.pid, 0)).toThrow()
})
