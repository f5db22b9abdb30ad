// A process that appends to a journal in PostgreSQL until it is killed, and says what was acknowledged:
//   node writer.mjs <url> <number of the process> <callers>

import { writeSync } from 'node:fs'
import { openPostgresStore } from '../../build/open-postgres.js'

const [url, number, callers] = process.argv.slice(2)

function tell(text) {
  writeSync(1, `${text}\n`)
}

const store = await openPostgresStore(url)
tell('open')

async function appendOn(caller) {
  for (let n = 0; ; n++) {
    const name = `${number}/${caller}/${n}`
    const { position } = await store.append({
      events: [{ stream: `s${(n + caller) % 13}`, type: 'noted', version: 1, data: JSON.stringify({ name }) }],
      command: { id: name, digest: '0' },
      durability: 'sync',
    })
    tell(`ack ${name} ${position}`)
  }
}

await Promise.all(Array.from({ length: Number(callers) }, (_, caller) => appendOn(caller)))
