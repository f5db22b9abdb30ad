// Where this package stands on the disk. Asked for by its name: which of the published files this code is in, the build
// decides, so what stands beside it says nothing.

export const packagePlace: URL = new URL('.', import.meta.resolve('holdfast/package.json'))
