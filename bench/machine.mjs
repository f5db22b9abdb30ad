// What the figures were measured on. Above all the disk: what one synced append takes there decides most of what follows,
// and on a file system in memory it takes nothing, so that no figure would say anything.

import * as fs from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { median } from './measure.mjs'

const syncs = 200
const memoryTypes = ['tmpfs', 'ramfs']
/** Of statfs, where there is no list of mounts to read the name from. */
const magicNames = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0xef53, 'ext'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlay'],
  [0x6969, 'nfs'],
])

export function describeMachine(directory, lineBytes) {
  const processors = cpus()
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    node: process.version,
    platform: process.platform,
    fileSystem: fileSystemOf(directory),
    fdatasyncUs: appendUs(directory, lineBytes, { isSyncedWrite: false }),
    dsyncUs: appendUs(directory, lineBytes, { isSyncedWrite: true }),
    lineBytes,
  }
}

export function machineText(machine) {
  const { processor, cores, memoryBytes, node, platform, fileSystem, fdatasyncUs, dsyncUs, lineBytes } = machine
  return (
    `${processor}, ${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB, Node ${node} on ${platform}, ${fileSystem}; ` +
    `append of ${lineBytes} bytes: ${fdatasyncUs.toFixed(0)} µs with fdatasync, ${dsyncUs.toFixed(0)} µs with O_DSYNC (median of ${syncs})`
  )
}

export function isInMemory(fileSystem) {
  return memoryTypes.includes(fileSystem)
}

export function fileSystemOf(directory) {
  if (process.platform === 'linux') {
    const name = mountedAt(fs.realpathSync(directory), fs.readFileSync('/proc/self/mountinfo', 'utf8'))
    if (name !== undefined) return name
  }
  const { type } = fs.statfsSync(directory)
  return magicNames.get(type) ?? `file system 0x${type.toString(16)}`
}

/** The type of the mount that holds the path: of all whose mount point is above it the longest, of equal ones the last. */
export function mountedAt(path, mountinfo) {
  let best = { point: '', type: undefined }
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    if (after === undefined) continue
    const point = before.split(' ')[4].replaceAll('\\040', ' ')
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`)
    if (isAbove && point.length >= best.point.length) best = { point, type: after.split(' ')[0] }
  }
  return best.type
}

function appendUs(directory, bytes, { isSyncedWrite }) {
  const path = join(directory, 'sync-latency')
  const { O_CREAT, O_TRUNC, O_WRONLY, O_DSYNC = fs.constants.O_SYNC ?? 0 } = fs.constants
  const descriptor = fs.openSync(path, O_CREAT | O_TRUNC | O_WRONLY | (isSyncedWrite ? O_DSYNC : 0))
  const line = Buffer.alloc(bytes, 0x20)
  const times = []
  for (let at = 0; at < syncs; at++) {
    const began = performance.now()
    fs.writeSync(descriptor, line, 0, bytes, at * bytes)
    if (!isSyncedWrite) fs.fdatasyncSync(descriptor)
    times.push(performance.now() - began)
  }
  fs.closeSync(descriptor)
  fs.unlinkSync(path)
  return median(times) * 1_000
}
