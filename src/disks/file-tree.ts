// Files and directories in memory, with the rules and error codes of a POSIX file system. What the memory disk and
// the simulated disk have in common. Invariant: an operation either throws and has changed nothing, or tells every
// directory entry that it changed.

import { diskError } from './disk-error.ts'
import { parentPath, pathParts } from './disk-path.ts'
import { GrowingBytes } from './growing-bytes.ts'

export interface FileNode {
  readonly kind: 'file'
  readonly content: GrowingBytes
}

export interface DirectoryNode {
  readonly kind: 'directory'
  readonly entries: Map<string, TreeNode>
}

export type TreeNode = FileNode | DirectoryNode

/** One name in one directory: what it means from now on (undefined: nothing). */
export interface EntryChange {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: TreeNode | undefined
}

/** A node that is moved: its new entry first. */
export interface Renaming {
  readonly added: EntryChange
  readonly removed: EntryChange
  /** What stood under the new name. */
  readonly replaced: TreeNode | undefined
}

export function newDirectory(): DirectoryNode {
  return { kind: 'directory', entries: new Map() }
}

export function newFile(): FileNode {
  return { kind: 'file', content: new GrowingBytes() }
}

export function find(root: DirectoryNode, path: string, operation: string): TreeNode | undefined {
  let node: TreeNode | undefined = root
  for (const name of pathParts(path)) {
    if (node === undefined) throw diskError('ENOENT', operation, path)
    if (node.kind === 'file') throw diskError('ENOTDIR', operation, path)
    node = node.entries.get(name)
  }
  return node
}

export function findDirectory(root: DirectoryNode, path: string, operation: string): DirectoryNode {
  const node = find(root, path, operation)
  if (node === undefined) throw diskError('ENOENT', operation, path)
  if (node.kind === 'file') throw diskError('ENOTDIR', operation, path)
  return node
}

export function findFile(root: DirectoryNode, path: string, operation: string): FileNode {
  const node = find(root, path, operation)
  if (node === undefined) throw diskError('ENOENT', operation, path)
  if (node.kind === 'directory') throw diskError('ENOTFILE', operation, path, 'not a regular file')
  return node
}

export function createFile(root: DirectoryNode, path: string): EntryChange {
  return apply({ ...freePlace(root, path, 'open'), node: newFile() })
}

export function makeDirectory(root: DirectoryNode, path: string): EntryChange {
  if (path === '') throw diskError('EEXIST', 'makeDirectory', path)
  return apply({ ...freePlace(root, path, 'makeDirectory'), node: newDirectory() })
}

export function remove(root: DirectoryNode, path: string): EntryChange {
  if (path === '') throw diskError('EISDIR', 'remove', path)
  const node = find(root, path, 'remove')
  if (node === undefined) throw diskError('ENOENT', 'remove', path)
  if (node.kind === 'directory') throw diskError('EISDIR', 'remove', path)
  return apply({ ...place(root, path, 'remove'), node: undefined })
}

export function removeDirectory(root: DirectoryNode, path: string): EntryChange {
  if (path === '') throw diskError('EBUSY', 'removeDirectory', path)
  const directory = findDirectory(root, path, 'removeDirectory')
  if (directory.entries.size > 0) throw diskError('ENOTEMPTY', 'removeDirectory', path)
  return apply({ ...place(root, path, 'removeDirectory'), node: undefined })
}

/** undefined when both names are the same: nothing changes. */
export function rename(root: DirectoryNode, from: string, to: string): Renaming | undefined {
  if (from === '' || to === '') throw diskError('EBUSY', 'rename', from)
  const node = find(root, from, 'rename')
  if (node === undefined) throw diskError('ENOENT', 'rename', from)
  const target = find(root, to, 'rename')
  if (from === to) return undefined
  if (to.startsWith(`${from}/`)) throw diskError('EINVAL', 'rename', to, 'a directory cannot move into itself')
  if (target !== undefined) checkReplaceable(node, target, to)
  const added = { ...place(root, to, 'rename'), node }
  const removed = { ...place(root, from, 'rename'), node: undefined }
  apply(added)
  apply(removed)
  return { added, removed, replaced: target }
}

function checkReplaceable(node: TreeNode, target: TreeNode, to: string): void {
  if (target.kind === 'directory') {
    if (node.kind === 'file') throw diskError('EISDIR', 'rename', to)
    if (target.entries.size > 0) throw diskError('ENOTEMPTY', 'rename', to)
  } else if (node.kind === 'directory') throw diskError('ENOTDIR', 'rename', to)
}

type Place = Omit<EntryChange, 'node'>

function place(root: DirectoryNode, path: string, operation: string): Place {
  const directory = findDirectory(root, parentPath(path), operation)
  const name = path.slice(path.lastIndexOf('/') + 1)
  return { directory, name }
}

function freePlace(root: DirectoryNode, path: string, operation: string): Place {
  if (find(root, path, operation) !== undefined) throw diskError('EEXIST', operation, path)
  return place(root, path, operation)
}

export function apply(change: EntryChange): EntryChange {
  if (change.node === undefined) change.directory.entries.delete(change.name)
  else change.directory.entries.set(change.name, change.node)
  return change
}
