// A process that opens a journal, appends one event and closes it, over and over, against others that do the same:
//   node racer.mjs <directory> <process number> <openings>
// It tells `ack <n> <position>` for each event, and at the end `refused <times>`.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { openDirectory } from '../../build/open-directory.js'
import { tell } from './telling.mjs'

const directory = process.argv[2]
const [number, openings] = process.argv.slice(3).map(Number)
let refused = 0

async function open() {
  for (;;) {
    try {
      return await openDirectory(directory, { lockAttempts: 1 })
    } catch (error) {
      if (error.code !== 'LOCKED') throw error
      refused++
      await nextTurn()
    }
  }
}

for (let n = 1; n <= openings; n++) {
  const store = await open()
  const event = { stream: `racer ${number}`, type: 'raced', version: 1, data: `{"number":${number},"n":${n}}` }
  const { position } = await store.append({ events: [event], durability: 'sync' })
  tell(`ack ${n} ${position}`)
  await store.close()
}
tell(`refused ${refused}`)
