export async function backupLog(..._: unknown[]): Promise<void> {}
