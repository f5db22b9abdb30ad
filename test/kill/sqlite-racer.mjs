// A process that appends to the same stream as others, each time expecting where it has seen it:
// node sqlite-racer.mjs <file> <number> <appends>. A line for each thing that happens: `ack <position> <data>`, `conflict`, `done`.

import { openSqlite } from '../../build/open-sqlite.js'

const [file, number, appends] = [process.argv[2], ...process.argv.slice(3).map(Number)]
const store = await openSqlite(file)
for (let n = 0; n < appends; ) {
  const seq = (await store.stream('shared'))?.seq ?? 0
  const data = `${number}/${n}`
  const batch = {
    events: [{ stream: 'shared', type: 'noted', version: 1, data: JSON.stringify(data) }],
    expect: new Map([['shared', seq]]),
    durability: 'sync',
  }
  try {
    const { position } = await store.append(batch)
    console.log(`ack ${position} ${data}`)
    n++
  } catch (error) {
    if (error.code !== 'SEQ_CONFLICT') throw error
    console.log('conflict')
  }
}
await store.close()
console.log('done')
