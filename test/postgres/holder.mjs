// Starts a server through its supervisor, says where it is, and waits to be killed.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const supervisor = fork(fileURLToPath(new URL('../../tools/postgres/supervisor.mjs', import.meta.url)))
const options = ['-c', 'listen_addresses=', '-c', 'unix_socket_directories=.']
supervisor.on('message', ({ id, value, error }) => {
  if (error !== undefined) throw new Error(error)
  console.log(`${id === 1 ? 'directory' : 'pid'} ${value}`)
  if (id === 1) supervisor.send({ id: 2, what: 'start', options })
})
supervisor.send({ id: 1, what: 'create' })
