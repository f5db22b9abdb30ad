// A process of its own follows a writer that is idle in between: with no other reason to live it stays, is told each event
// after it is durable, and soon.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { open } from '../../src/open.ts'

const follower = fileURLToPath(new URL('follower.mjs', import.meta.url))
const events = 20

it('follows a writer that rests, from a process that does nothing else', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-follow-'))
  const journal = await open(directory)
  const child = spawn(process.execPath, [follower, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('ready')
    const delays: number[] = []
    for (let n = 1; n <= events; n++) {
      await sleep(60) // the writer comes to rest
      await journal.append('a', { type: n === events ? 'last' : 'noted', data: n })
      const durableAt = Date.now()
      const { seq, cameAt } = JSON.parse((await lines.next()).value ?? '{}')
      expect(seq).toBe(n)
      delays.push(cameAt - durableAt)
    }
    delays.sort((a, b) => a - b)
    process.stdout.write(
      `follow: ${events} events, median ${delays[events / 2]} ms, at most ${delays.at(-1)} ms later\n`,
    )
    expect(await ended).toBe(0)
  } finally {
    child.kill('SIGKILL')
    await journal.close()
    await rm(directory, { recursive: true })
  }
})
