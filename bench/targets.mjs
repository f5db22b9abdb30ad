// What a figure should reach, and whether it does.

export function atLeast(name, found, least) {
  return { name, found, target: `≥ ${least}`, isMet: found >= least }
}

export function atMost(name, found, most) {
  return { name, found, target: `≤ ${most}`, isMet: found <= most }
}

export function targetText({ name, found, target, isMet }, figure) {
  return `${isMet ? 'met   ' : 'MISSED'}  ${name}: ${figure(found)} (target ${target})`
}
