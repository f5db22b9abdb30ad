// Tells two trees apart, byte for byte and in the order in which a listing shows them. A file under two names is one file, so
// that it counts under its second name as what it is: the first again.

import { createHash } from 'node:crypto'
import type { DirectoryNode, TreeNode } from '../../src/disks/file-tree.ts'

/** The same for two trees that no process could tell apart. */
export function diskPrint(root: DirectoryNode): string {
  const hash = createHash('sha256')
  const known = new Map<TreeNode, number>()
  const add = (node: TreeNode): void => {
    const again = known.get(node)
    known.set(node, again ?? known.size)
    if (again !== undefined) hash.update(JSON.stringify({ again }))
    else if (node.kind === 'file') {
      hash.update(JSON.stringify({ bytes: node.content.size }))
      hash.update(node.content.toBytes())
    } else {
      hash.update(JSON.stringify({ names: [...node.entries.keys()] }))
      for (const child of node.entries.values()) add(child)
    }
  }
  add(root)
  return hash.digest('base64')
}
