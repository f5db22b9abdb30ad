// Opens a journal as soon as it can, appends to a stream of its own, and tells the epoch that it found:
//   node opener.mjs <url> <stream>

import { open } from '../../dist/index.js'

const [url, stream] = process.argv.slice(2)
const journal = await open(url)
const { position } = await journal.append(stream, { type: 't', data: 1 })
console.log(`${journal.epoch} ${position}`)
await journal.close()
