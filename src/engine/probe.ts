export async function probeDisk(..._: unknown[]): Promise<void> {}
