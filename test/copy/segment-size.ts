/** Small, so that a short history has several segments. */
export const segmentBytes = 4_096
